"""Put the vectors of a text encoder and of a picture encoder side by side.

Inputs: two feature files of the same products.
Output: features/fused/<set>.parquet, one row per product: each modality's vector at length 1, weighted (see
aisle/feature_fusion.py); zeros where the product lacks one, NaN where it lacks both.
"""

from pydantic import Field

from aisle import cli, feature_fusion, features
from aisle.params import Section, load_params


class FusedSetParams(Section):
    """Section `fused_sets.<name>`."""

    text: str
    picture: str
    picture_weight: float = Field(ge=0, le=1)


def run(text: features.Features, picture: features.Features, params: FusedSetParams) -> features.Features:
    """Return the fused features, with the products of `text` in their order."""
    return feature_fusion.fuse(text, picture, params.picture_weight)


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(
        __doc__, text="features of texts", picture="features of pictures", output="output: features"
    )
    parser.add_argument("--fused-set", required=True, help="entry of params.yaml: fused_sets")
    args = parser.parse_args()
    params = load_params(args.params, f"fused_sets.{args.fused_set}", FusedSetParams)
    features.write(run(features.read(args.text), features.read(args.picture), params), args.output)


if __name__ == "__main__":
    cli.run(main)
