"""Decode every picture safely, re-encode it at a bounded size, measure its quality.

Inputs: data/products.parquet; data/embedded_pictures.parquet, those that came inside the table; the folder of
pictures.
Outputs: data/images.parquet, one row per picture of a product, by product_id and place (a product without any
has one row, place 0): sha256, width, height, quality figures, perceptual hash and JPEG bytes, or the
`problem` in words; metrics/images.json, counts. An unreadable picture costs that picture; one that many
products of several categories share counts as none.
"""

import sys
from pathlib import Path

from aisle.catalogue.images import ImagesParams
from aisle.catalogue.images_file import prepare_images
from aisle.pipeline import cli, tables
from aisle.pipeline.params import load_params


def main() -> None:
    """Read the products, prepare and write their pictures, write the counts."""
    parser = cli.parser(
        __doc__,
        products="products",
        embedded="pictures from inside the table",
        output="output: pictures",
        metrics="output: counts",
    )
    args = parser.parse_args()
    params = load_params(args.params, "images", ImagesParams)
    products = tables.read(args.products, ["product_id", "category", "pictures"])
    sources = Path(args.embedded), Path(load_params(args.params, "catalogue.images", str))
    counts, warnings = prepare_images(products, *sources, Path(args.output), params)
    tables.write_metrics(counts, args.metrics, products.attrs["catalogue"])
    print(f"{counts['readable']} of {len(products)} products have a readable picture")
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)


if __name__ == "__main__":
    cli.run(main)
