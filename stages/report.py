"""Write the report: one HTML page of tables and figures, and the tables as Markdown.

Inputs: metrics/, the tables of data/, reports/clusters/, reports/cluster_tables/,
reports/evaluation/, reports/label_issues.csv.
Outputs: reports/index.html, works offline from the disk; reports/tables.md.
"""

from pathlib import Path
from typing import Any

from aisle import cli
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
    found = results.read_results(vars(args), evaluation, list(feature_sets))
    sections = page.build(found)
    Path(args.page).write_text(page.html(sections, found.catalogue), encoding="utf-8")
    Path(args.tables).write_text(page.markdown(sections, found.catalogue), encoding="utf-8")
    print(f"open {args.page} in a browser")


if __name__ == "__main__":
    cli.run(main)
