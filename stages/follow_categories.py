"""Follow the categories over time: shares, terms, movements, proposals, and what time costs.

Inputs: reports/monitoring/products.parquet (dated products of the catalogue and of the stream). Outputs:
reports/evolution/, metrics/evolution.json. Nothing is dated: empty tables.
"""

from pathlib import Path

from aisle.monitoring.evolution import follow
from aisle.pipeline import cli, tables
from aisle.pipeline.params import load_params


def main() -> None:
    """Read files, follow, write files."""
    parser = cli.parser(
        __doc__, products="dated products", output="output: folder of tables", metrics="output: figures"
    )
    args = parser.parse_args()
    params = load_params(args.params, "evolution", follow.EvolutionParams)
    products = tables.read(args.products)
    label = products.attrs["catalogue"]
    found = follow.follow(products, params)
    for name, table in found.tables.items():
        tables.write(table, Path(args.output) / f"{name}.parquet", label)
    tables.write_metrics(found.metrics, args.metrics, label)
    print(f"{found.metrics['periods']} periods, {len(found.tables['proposals'])} proposals")


if __name__ == "__main__":
    cli.run(main)
