"""Make a small picture of each product, for the report's hover; above a limit, of a stratified sample.

Inputs: data/products.parquet (categories), data/images.parquet.
Output: data/thumbnails.parquet, one row per product that has a readable picture (and was chosen): product_id,
jpeg (bytes), by product_id.
"""

import pandas as pd
from pydantic import Field

from aisle import cli, tables, thumbnails
from aisle.params import Section, load_params


class ThumbnailsParams(Section):
    """Section `thumbnails`."""

    side: int = Field(ge=16)
    quality: int = Field(ge=1, le=95)
    max_products: int = Field(ge=1)
    seed: int


def run(products: pd.DataFrame, pictures: str, params: ThumbnailsParams) -> pd.DataFrame:
    """Return the table of data/thumbnails.parquet.

    Parameters
    ----------
    products
        Columns product_id and category, of the products with a readable picture.
    pictures
        Path of data/images.parquet, read a few rows at a time.
    params
        Section `thumbnails`.
    """
    chosen = thumbnails.choose(products, params.max_products, params.seed)
    made = thumbnails.read(pictures, chosen, params.side, params.quality)
    table = pd.DataFrame({"product_id": chosen, "jpeg": [made[key] for key in chosen]})
    return table.astype({"product_id": str, "jpeg": object})


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(__doc__, products="products", pictures="pictures", output="output: thumbnails")
    args = parser.parse_args()
    params = load_params(args.params, "thumbnails", ThumbnailsParams)
    products = tables.read(args.products, ["product_id", "category"])
    label = products.attrs["catalogue"]
    pictures = tables.read(args.pictures, ["product_id", "problem"])
    pictures = tables.align(pictures, products["product_id"], args.pictures, args.products)
    readable = products[pictures["problem"].isna().to_numpy()]
    table = run(readable, args.pictures, params)
    tables.write(table, args.output, label)
    print(f"{len(table)} thumbnails of {len(readable)} pictures")


if __name__ == "__main__":
    cli.run(main)
