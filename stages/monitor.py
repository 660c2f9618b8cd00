"""Hold each week of new products against what the champion learned from.

Inputs: the stream (params.yaml: monitoring.stream), packages/, predictions/ (out of fold), data/products,
text, images, folds, features/. Outputs: reports/monitoring/, metrics/monitoring.json.
"""

from pathlib import Path

from aisle.catalogue.thumbnails import ThumbnailsParams
from aisle.monitoring import reference, stream, written
from aisle.monitoring.drift import batches
from aisle.pipeline import cli, tables
from aisle.pipeline.params import load_params


def main() -> None:
    """Read files, predict the stream, judge it, write files."""
    parser = cli.parser(
        __doc__, packages="champion and challenger", predictions="out of fold",
        products="products", texts="texts", pictures="pictures", folds="folds", features="features",
        output="output: folder of tables", metrics="output: figures of each week",
    )  # fmt: skip
    args = parser.parse_args()
    params = load_params(args.params, "monitoring", batches.MonitoringParams)
    similarity = load_params(args.params, "folds.text_similarity", float)
    small = load_params(args.params, "thumbnails", ThumbnailsParams)
    champion, challenger = stream.packages(
        Path(args.packages) / "champion", Path(args.packages) / "challenger"
    )
    own = reference.read(champion, args.predictions, args.folds, args.texts, args.pictures, args.features)
    new = stream.predict(Path(params.stream), champion, challenger, own, similarity, params.columns)
    found = batches.judge_all(own, new, champion.package.decision, params)
    catalogue = tables.read(args.products, ["product_id", "title", "date"])
    label = catalogue.attrs["catalogue"]
    table = written.products(catalogue, own, new, found, small)
    written.write(args.output, table, own, new, found, params.drift.alpha, label)
    tables.write_metrics(found.metrics, args.metrics, label)
    print(f"{found.metrics['batches']} weeks, {found.metrics['alarms']} alarms")


if __name__ == "__main__":
    cli.run(main)
