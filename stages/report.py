"""Write the report: one HTML page of tables and figures, and the tables as Markdown.

Inputs: metrics/, the tables of data/, reports/clusters/, reports/cluster_tables/,
reports/evaluation/, reports/label_issues.csv, reports/champion.csv, reports/histories/, what explains the
models (reports/grad_cam/examples.parquet, reports/shap_text.csv, reports/shap_text_examples.csv,
reports/shap_fusion/), data/thumbnails.parquet.
Outputs: reports/index.html, works offline from the disk; reports/tables.md.
"""

from pathlib import Path
from typing import Any

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
        thumbnails="small pictures",
        histories="folder of training histories",
        candidates="candidates for the champion",
        grad_cam="Grad-CAM examples",
        shap_words="words of the categories",
        shap_examples="words of the examples",
        shap_fusion="folder of what text and picture did to the fusions",
        page="output: the page",
        tables="output: the tables as Markdown",
    )
    args = parser.parse_args()
    evaluation = load_params(args.params, "evaluation", EvaluationParams)
    feature_sets = load_params(args.params, "feature_sets", dict[str, Any])
    fusions = load_params(args.params, "fusions", dict[str, Any])
    backbones = load_params(args.params, "transfer.backbones", list[str])
    heads = load_params(args.params, "transfer.heads", dict[str, Any])
    seeded = [f"{backbone}_{head}" for backbone in backbones for head in heads]
    seeded += load_params(args.params, "fusion_networks.names", list[str])
    tuned = load_params(args.params, "fine_tunes", dict[str, Any])
    seeds = load_params(args.params, "seeds", list[int])
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
            thumbnails=tables.read(args.thumbnails),
            histories=results.read_histories(Path(args.histories), seeded, seeds, tuned),
            candidates=tables.read_csv(args.candidates),
            grad_cam=tables.read(args.grad_cam),
            shap_words=tables.read_csv(args.shap_words),
            shap_examples=tables.read_csv(args.shap_examples),
            shap_fusion=results.read_shap_fusion(Path(args.shap_fusion), fusions),
        )
    )
    Path(args.page).write_text(page.html(sections, label), encoding="utf-8")
    Path(args.tables).write_text(page.markdown(sections, label), encoding="utf-8")
    print(f"open {args.page} in a browser")


if __name__ == "__main__":
    cli.run(main)
