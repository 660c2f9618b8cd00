"""Write the report: one HTML page of tables and figures, and the tables as Markdown.

Inputs: metrics/, the tables of data/, data/thumbnails.parquet, reports/exploration/, reports/clusters/,
reports/cluster_tables/, reports/cluster_curves/, reports/evaluation/, reports/label_issues.csv,
reports/champion.csv, reports/histories/, what explains the models (reports/grad_cam/examples.parquet,
reports/shap_text.csv, reports/shap_text_examples.csv, reports/shap_fusion/); models/pretrained/ (sizes);
docs/benchmarks/encoders.json (speeds, which are no output of the pipeline).
Outputs: reports/index.html, works offline from the disk; reports/tables.md; reports/feature_sets.csv, one row
per feature set: how well it clusters, for `dvc plots`.
"""

from pathlib import Path
from typing import Any

from aisle import cli, tables
from aisle.params import load_params
from aisle.report import page, results
from aisle.report.sections import clusters


def main() -> None:
    """Read files, build the sections, write files."""
    parser = cli.parser(
        __doc__,
        metrics="folder of metrics",
        products="products",
        rejects="refused rows",
        thumbnails="small pictures",
        exploration="folder of tables of the catalogue and its texts",
        clusters="folder of t-SNE maps",
        cluster_tables="folder of tables of the categories",
        cluster_curves="folder of tables of the components",
        evaluation="folder of evaluation tables",
        label_issues="suspect labels",
        candidates="candidates for the champion",
        pretrained="folder of pretrained models",
        benchmark="measured speeds of the encoders",
        histories="folder of training histories",
        grad_cam="Grad-CAM examples",
        shap_words="words of the categories",
        shap_examples="words of the examples",
        shap_fusion="folder of what text and picture did to the fusions",
        page="output: the page",
        tables="output: the tables as Markdown",
        compared="output: comparison of the feature sets",
    )
    args = parser.parse_args()
    sections = {
        "evaluation": load_params(args.params, "evaluation", dict[str, Any]),
        "feature_sets": load_params(args.params, "feature_sets", dict[str, Any]),
        "encoders": {"image": load_params(args.params, "encoders.image", dict[str, Any])},
        "weights": load_params(args.params, "weights", dict[str, Any]),
        "classifiers": load_params(args.params, "classifiers", dict[str, Any]),
        "zero_shot": load_params(args.params, "zero_shot", dict[str, Any]),
        "transfer": load_params(args.params, "transfer", dict[str, Any]),
        "fine_tunes": load_params(args.params, "fine_tunes", dict[str, Any]),
        "fusions": load_params(args.params, "fusions", dict[str, Any]),
        "fusion_networks": {"names": load_params(args.params, "fusion_networks.names", list[str])},
        "seeds": load_params(args.params, "seeds", list[int]),
    }
    found = results.read_results(vars(args), sections)
    made = page.build(found)
    tables.write_csv(clusters.compared(found), args.compared, found.catalogue)
    html = page.html(made, found.catalogue, found.products, found.thumbnails)
    Path(args.page).write_text(html, encoding="utf-8")
    Path(args.tables).write_text(page.markdown(made, found.catalogue), encoding="utf-8")
    print(f"open {args.page} in a browser")


if __name__ == "__main__":
    cli.run(main)
