"""Count and choose what the report shows of the catalogue and its texts, before any model.

Inputs: data/products.parquet, data/text.parquet, data/text_statistics.csv, data/images.parquet,
data/folds.parquet (groups of near-duplicates), data/near_duplicates.csv.
Outputs: reports/exploration/, a folder of Parquet tables (their columns are in docs/data_dictionary.md);
data/thumbnails.parquet, a small picture of each product that has a readable one, above a limit of a sample.
"""

from pathlib import Path

from aisle.catalogue.exploration.overview import QUALITY, Catalogue, ExplorationParams, explore
from aisle.catalogue.thumbnails import ThumbnailsParams
from aisle.pipeline import cli, tables
from aisle.pipeline.params import load_params


def main() -> None:
    """Read files, explore, write files."""
    parser = cli.parser(
        __doc__, products="products", texts="texts", statistics="words before and after", pictures="pictures",
        folds="folds", pairs="pairs of near-duplicates", output="output: folder of tables",
        thumbnails="output: small pictures",
    )  # fmt: skip
    args = parser.parse_args()
    params = load_params(args.params, "exploration", ExplorationParams)
    small = load_params(args.params, "thumbnails", ThumbnailsParams)
    catalogue = Catalogue(
        tables.read(args.products),
        tables.read(args.texts),
        tables.read_csv(args.statistics),
        tables.read(args.pictures, ["product_id", "place", "problem", *QUALITY]),
        Path(args.pictures),
        tables.read(args.folds, ["product_id", "group"]),
        tables.read_csv(args.pairs),
    )
    found, thumbnails = explore(catalogue, params, small)
    label = catalogue.products.attrs["catalogue"]
    for name, table in found.items():
        tables.write(table, Path(args.output) / f"{name}.parquet", label)
    tables.write(thumbnails, args.thumbnails, label)
    print(f"{len(found)} tables, {len(thumbnails)} small pictures")


if __name__ == "__main__":
    cli.run(main)
