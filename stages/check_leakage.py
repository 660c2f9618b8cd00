"""Look for leaks: duplicates across folds, the category in the text, one word that tells, ungrouped folds.

Inputs: data/products.parquet; data/text.parquet; data/images.parquet (digests); data/folds.parquet;
data/near_duplicates.csv; reports/ungrouped.csv.
Outputs: reports/leakage.csv, one row per check and item: value, reference, interval, limit, suspected;
metrics/leakage.json, the figures and a verdict per check. `suspected` is that of the data and the folds;
`optimism_suspected` says that ungrouped folds would flatter.
"""

from aisle.evaluation.leakage import checks
from aisle.evaluation.leakage.base import Evidence, LeakageParams
from aisle.pipeline import cli, tables
from aisle.pipeline.params import load_params


def main() -> None:
    """Read files, run every check, write files."""
    parser = cli.parser(
        __doc__,
        products="products",
        texts="texts",
        pictures="pictures",
        folds="folds",
        pairs="pairs of near-duplicates",
        ungrouped="accuracies with ungrouped folds",
        output="output: every figure",
        metrics="output: figures and verdicts",
    )
    args = parser.parse_args()
    params = load_params(args.params, "leakage", LeakageParams)
    ungrouped = tables.read_csv(args.ungrouped)
    products = tables.read(args.products, ["product_id", "category", "category_path"])
    evidence = Evidence(
        products,
        tables.read(args.texts),
        tables.read(args.pictures, ["product_id", "place", "sha256", "phash"]),
        tables.read(args.folds),
        tables.read_csv(args.pairs),
        {name: ungrouped[ungrouped["model"] == name] for name in params.models},
        load_params(args.params, "folds.shared_text", float),
    )
    table, figures = checks.run(evidence, params)
    tables.write_csv(table, args.output, products.attrs["catalogue"])
    tables.write_metrics(figures, args.metrics, products.attrs["catalogue"])


if __name__ == "__main__":
    cli.run(main)
