"""Write the report: one HTML page of tables and figures, and the tables as Markdown.

Inputs: data/listing.json, metrics/, the tables of data/, data/thumbnails.parquet, reports/exploration/,
reports/clusters/, reports/evaluation/, reports/label_issues.csv, reports/champion.csv, reports/histories/,
what explains the models (reports/grad_cam/examples.parquet, reports/shap_text.csv,
reports/shap_text_examples.csv, reports/shap_fusion/), reports/monitoring/, reports/experiments.parquet,
reports/evolution/; models/pretrained/ (sizes); docs/benchmarks/encoders.json (speeds, which are no output of
the pipeline).
Outputs: reports/index.html, works offline from the disk; reports/tables.md; reports/feature_sets.csv, one row
per feature set: how well it clusters, for `dvc plots`.
"""

from typing import Any

from aisle.pipeline import atomic, cli, tables
from aisle.pipeline.params import load_params
from aisle.report import page
from aisle.report.data import results
from aisle.report.sections import clusters


def main() -> None:
    """Read files, build the sections, write files."""
    parser = cli.parser(
        __doc__, listing="listing of models and feature sets", metrics="metrics", products="products",
        rejects="refused rows", thumbnails="small pictures", exploration="tables", clusters="clusters",
        evaluation="evaluation tables", label_issues="suspect labels",
        candidates="candidates for the champion", pretrained="pretrained models",
        benchmark="measured speeds of the encoders", histories="training histories",
        grad_cam="Grad-CAM examples", shap_words="words of the categories",
        shap_examples="words of the examples", shap_fusion="what text and picture did to the fusions",
        monitoring="new products", looks="looks at experiments", evolution="categories over time",
        page="output: page", tables="output: Markdown", compared="output: comparison of feature sets",
    )  # fmt: skip
    args = parser.parse_args()
    evaluation = load_params(args.params, "evaluation", dict[str, Any])
    found = results.read_results(vars(args), {"evaluation": evaluation})
    made = page.build(found)
    tables.write_csv(clusters.compared(found), args.compared, found.catalogue)
    shown = page.html(made, found.catalogue, found.products, found.thumbnails)
    atomic.write_text(args.page, shown)
    atomic.write_text(args.tables, page.markdown(made, found.catalogue))
    print(f"open {args.page} in a browser")


if __name__ == "__main__":
    cli.run(main)
