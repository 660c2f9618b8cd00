"""Encode the products' pictures with one encoder.

Inputs: data/images.parquet; the encoder's folder of models/pretrained/.
Output: features/image/<encoder>.parquet, one row per product: a float32 vector, NaN without a picture.
A picture met before costs nothing: see aisle/pipeline/item_cache.py. An encoder that learns (a codebook) is
fitted on all pictures here, for clustering, which has no test set; what it learns from is its stateless part,
`local`.
"""

from aisle.pipeline import cli
from aisle.pipeline.params import load_params
from aisle.representations import picture_vectors
from aisle.representations.encoders.registry import EncoderParams


def main() -> None:
    """Read files, encode, write files."""
    parser = cli.parser(
        __doc__, pictures="pictures", weights="folder of models/pretrained", output="output: features"
    )
    parser.add_argument("--encoder", required=True, help="entry of params.yaml: encoders.image")
    args = parser.parse_args()
    params = load_params(args.params, f"encoders.image.{args.encoder}", EncoderParams)
    picture_vectors.write(args.pictures, args.encoder, params, args.weights, args.output)


if __name__ == "__main__":
    cli.run(main)
