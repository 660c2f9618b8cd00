"""List the models, feature sets and picture encoders of params.yaml, by name.

Inputs: none but params.yaml.
Output: data/listing.json (aisle/models/listing.py): of each model its name, title, stage, folder and seeds;
the names of the feature sets; which feature sets a pretrained picture encoder makes. Stages that read all
models depend on it, and not on the whole sections of params.yaml.
"""

from typing import Any

from aisle.models import listing
from aisle.pipeline import cli
from aisle.pipeline.params import load_params


def main() -> None:
    """Read params, write the listing."""
    args = cli.parser(__doc__, output="output: listing").parse_args()
    sections = {
        "classifiers": load_params(args.params, "classifiers", dict[str, Any]),
        "encoders.image": load_params(args.params, "encoders.image", dict[str, Any]),
        "feature_sets": load_params(args.params, "feature_sets", dict[str, Any]),
        "fine_tunes": load_params(args.params, "fine_tunes", dict[str, Any]),
        "fusion_networks.names": load_params(args.params, "fusion_networks.names", dict[str, str]),
        "fusions": load_params(args.params, "fusions", dict[str, Any]),
        "seeds": load_params(args.params, "seeds", list[int]),
        "transfer": load_params(args.params, "transfer", dict[str, Any]),
        "zero_shot": load_params(args.params, "zero_shot", dict[str, Any]),
    }
    listing.write(listing.make(sections), args.output)


if __name__ == "__main__":
    cli.run(main)
