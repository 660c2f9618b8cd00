"""Explain how much text and picture each moved the predictions of the fusions (Shapley values).

Inputs: models/fusions/; predictions/classifiers/, of their members.
Outputs: reports/shap_fusion/<fusion>.parquet, one row per product: true and predicted category, phi_text,
phi_image (log-odds), what each alone predicts; metrics/explain_fusion.json: means and shares of each fusion.
The members' probabilities are out of fold; the combination is the one fitted on all of them. No rows where
weights are not available.
"""

from pathlib import Path

from aisle.explanation.modality_shap import explain_fusion
from aisle.models import model_folder, predictions_table
from aisle.pipeline import cli, tables
from aisle.pretrained.status import kind


def main() -> None:
    """Read files, explain, write files."""
    parser = cli.parser(
        __doc__,
        models="folder of the fusions' model folders",
        predictions="folder of their members' predictions",
        output="output: folder of values of each product",
        metrics="output: their summary",
    )
    args = parser.parse_args()
    folder, output, metrics, label = Path(args.predictions), Path(args.output), {}, ""
    output.mkdir(parents=True, exist_ok=True)
    for place in sorted(path.parent for path in Path(args.models).glob(f"*/{model_folder.DESCRIPTION}")):
        model = model_folder.read(place)
        members = [predictions_table.read_cv(folder / f"{name}.parquet") for name in model.members]
        explained, summary = explain_fusion(model, members)
        label = members[0].attrs["catalogue"]
        tables.write(explained, output / f"{model.name}.parquet", label)
        metrics[model.name] = summary | {"weights": kind(model.weights)}
    tables.write_metrics(metrics, args.metrics, label)


if __name__ == "__main__":
    cli.run(main)
