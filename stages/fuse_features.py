"""Put the vectors of a text encoder and of a picture encoder side by side.

Inputs: two feature files of the same products.
Output: features/fused/<set>.parquet, one row per product: each modality's vector at length 1, weighted (see
aisle/representations/concatenation.py); zeros where the product lacks one, NaN where it lacks both.
"""

from aisle.pipeline import cli
from aisle.pipeline.params import load_params
from aisle.representations import concatenation


def main() -> None:
    """Read files, fuse, write the file."""
    parser = cli.parser(
        __doc__, text="features of texts", picture="features of pictures", output="output: features"
    )
    parser.add_argument("--fused-set", required=True, help="entry of params.yaml: fused_sets")
    args = parser.parse_args()
    params = load_params(args.params, f"fused_sets.{args.fused_set}", concatenation.FusedSetParams)
    concatenation.write(args.text, args.picture, params.picture_weight, args.output)


if __name__ == "__main__":
    cli.run(main)
