"""Write the report: one HTML page of tables and figures, and the tables as Markdown.

Inputs: metrics/, the tables of data/, reports/clusters/, reports/cluster_tables/,
reports/evaluation/, reports/label_issues.csv.
Outputs: reports/index.html, works offline from the disk; reports/tables.md.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from aisle import cli, tables
from aisle.metrics import EvaluationParams
from aisle.params import load_params
from aisle.report import page, results


def main() -> None:
    """Read files, build the sections, write files."""
    parser = cli.parser(
        __doc__,
        metrics="folder of metrics",
        products="products",
        rejects="refused rows",
        text_statistics="words before and after",
        clusters="folder of t-SNE maps",
        cluster_tables="folder of tables of the categories",
        evaluation="folder of evaluation tables",
        label_issues="suspect labels",
        page="output: the page",
        tables="output: the tables as Markdown",
    )
    args = parser.parse_args()
    evaluation = load_params(args.params, "evaluation", EvaluationParams)
    feature_sets = load_params(args.params, "feature_sets", dict[str, Any])
    products = tables.read(args.products, ["product_id", "title", "category"])
    label = products.attrs["catalogue"]
    sections = page.build(
        results.Results(
            catalogue=label,
            metrics=results.read_metrics(Path(args.metrics), list(feature_sets)),
            label_issues=tables.read_csv(args.label_issues),
            tables=results.read_tables(Path(args.evaluation)),
            floor=evaluation.floor,
            confidence=evaluation.confidence,
            target_error=evaluation.target_error,
            products=products,
            rejects=tables.read_csv(args.rejects),
            text_statistics=tables.read_csv(args.text_statistics),
            clusters=results.read_clusters(Path(args.clusters), list(feature_sets)),
            cluster_tables=results.read_cluster_tables(Path(args.cluster_tables), list(feature_sets)),
        )
    )
    thumbnails = pd.DataFrame({"product_id": [], "jpeg": []})
    html = page.html(sections, label, products, thumbnails)
    Path(args.page).write_text(html, encoding="utf-8")
    Path(args.tables).write_text(page.markdown(sections, label), encoding="utf-8")
    print(f"open {args.page} in a browser")


if __name__ == "__main__":
    cli.run(main)
