"""Make one pretrained model ready: find or download its files, check their digests, export what encoders run.

Input: none but the files that `weights.yaml: weights.<name>` names.
Output: models/pretrained/<name>/: OpenVINO models (a SavedModel for the Universal Sentence Encoder),
tokenisers, and weights.json, which says where the weights are from (aisle/pretrained/description.py). With
`source: absent` or `none`, only weights.json.
"""

from pathlib import Path

from aisle.pipeline import cli
from aisle.pipeline.params import load_params
from aisle.pretrained.fetch import fetch
from aisle.pretrained.sources import WeightsParams
from aisle.pretrained.status import kind


def main() -> None:
    """Read weights.yaml, fetch, write files."""
    parser = cli.parser(__doc__, weights_file="weights.yaml", output="output: folder of the exported model")
    parser.add_argument("--weights", required=True, help="entry of weights.yaml")
    args = parser.parse_args()
    params = load_params(args.weights_file, f"weights.{args.weights}", WeightsParams)
    weights = fetch(args.weights, params, Path(args.output))
    print(f"{args.weights}: {kind(weights.label)}")


if __name__ == "__main__":
    cli.run(main)
