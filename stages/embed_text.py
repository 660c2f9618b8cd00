"""Encode the products' texts with one encoder.

Inputs: data/text.parquet; the encoder's folder of models/pretrained/.
Outputs: features/text/<encoder>.parquet, one row per product: a float32 vector (see
aisle/representations/vectors_file.py); metrics/embed_text/<encoder>.json: how many texts there are, and how
many were cut to what the encoder reads. An encoder that learns (a vocabulary) is fitted on all products here:
for clustering, which has no test set. Classifiers fit their own inside the fold. With one that learns
nothing, a text met before costs nothing: see aisle/pipeline/item_cache.py.
"""

from aisle.pipeline import cli, tables
from aisle.pipeline.params import load_params
from aisle.representations import text_vectors


def main() -> None:
    """Read files, encode, write files."""
    parser = cli.parser(
        __doc__,
        texts="texts",
        weights="folder of models/pretrained",
        output="output: features",
        metrics="output: counts of texts",
    )
    parser.add_argument("--encoder", required=True, help="entry of params.yaml: encoders.text")
    args = parser.parse_args()
    params = load_params(args.params, f"encoders.text.{args.encoder}", text_vectors.TextEncoderParams)
    counts, label = text_vectors.write(args.texts, args.encoder, params, args.weights, args.output)
    tables.write_metrics(counts, args.metrics, label)


if __name__ == "__main__":
    cli.run(main)
