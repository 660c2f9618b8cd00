"""Say of each declared experiment whether to stop, go on, or that there is nothing to find.

Inputs: the stream's experiments.yaml and traffic; reports/monitoring/products.parquet (what champion,
challenger and people say of the stream). Outputs: reports/experiments.parquet, the looks;
metrics/experiments.json.
"""

from pathlib import Path

from aisle.monitoring import said
from aisle.monitoring.experiments import analysis, declaration
from aisle.pipeline import cli, tables
from aisle.pipeline.params import load_params


def main() -> None:
    """Read files, analyse, write files."""
    parser = cli.parser(
        __doc__, products="products of the stream",
        output="output: looks", metrics="output: verdicts and figures",
    )  # fmt: skip
    args = parser.parse_args()
    columns = ["product_id", "batch", "date", "predicted", "challenger", "label"]
    products = tables.read(args.products, columns)
    new = products[(products["batch"] != "") & products["challenger"].notna()]
    folder = Path(load_params(args.params, "monitoring.stream", str))
    declared = declaration.read(folder)
    figures, looks = analysis.analyse(declared, new, said.traffic(folder))
    tables.write(looks, args.output, products.attrs["catalogue"])
    tables.write_metrics(figures, args.metrics, products.attrs["catalogue"])
    print("; ".join(f"{name}: {each['verdict']}" for name, each in figures.items()) or "no experiment")


if __name__ == "__main__":
    cli.run(main)
