"""Make one pretrained model ready: find or download its files, check their digests, export what encoders run.

Input: none but the files that `params.yaml: weights.<name>` names.
Output: models/pretrained/<name>/: OpenVINO models (a SavedModel for the Universal Sentence Encoder),
tokenisers, and weights.json, which says where the weights are from (see aisle/weights.py). With `source:
absent` or `none`, only weights.json.
"""

import shutil
from pathlib import Path
from typing import Any

from aisle import cli, exports, fetching, weights
from aisle.errors import AisleError, some
from aisle.params import load_params


def run(name: str, params: weights.WeightsParams, folder: Path) -> weights.Weights:
    """Write the models into an empty folder; return their description."""
    facts: dict[str, Any] = {}
    if params.source not in ("absent", "none"):
        exporter = exports.create(params.export, params.options)
        files = fetching.find(name, params)
        seed = params.seed if params.source == "random" else None
        try:
            facts = exporter.export(files, seed, folder)
        except (ValueError, RuntimeError, KeyError, OSError, EOFError) as error:  # the frameworks' words
            told = " ".join(str(error).split())[:300]
            raise AisleError(
                f"{name}: {some(files.values())} must be weights of {params.export} {params.options}; {told}"
            ) from error
    return weights.describe(params, facts, folder)


def main() -> None:
    """Read params, run, write files; nothing stays of a run that fails."""
    parser = cli.parser(__doc__, output="output: folder of the exported model")
    parser.add_argument("--weights", required=True, help="entry of params.yaml: weights")
    args = parser.parse_args()
    params = load_params(args.params, f"weights.{args.weights}", weights.WeightsParams)
    folder = Path(args.output)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        weights.write(run(args.weights, params, folder), folder)
    except BaseException:
        shutil.rmtree(folder)
        raise


if __name__ == "__main__":
    cli.run(main)
