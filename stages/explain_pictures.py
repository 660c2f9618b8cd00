"""Show where in a picture a model's prediction comes from (Grad-CAM), and measure whether that is so.

Inputs: data/images.parquet; a predictions file; its model folder, with a head of dense layers; the folder of
its backbone (models/<name>/ if it was fine-tuned, else models/pretrained/<weights>/).
Outputs: reports/grad_cam/examples.parquet, one row per example, test pictures of the hold-out: the most
confident right ones of different categories, and the most confident wrong ones; metrics/grad_cam.json, by how
much the predicted class's log-probability drops without the hottest region, against a random one.
"""

from aisle.explanation.image_examples import GradCamParams, explain
from aisle.models import model_folder
from aisle.pipeline import cli, tables
from aisle.pipeline.params import load_params


def main() -> None:
    """Read files, explain, write files."""
    parser = cli.parser(
        __doc__,
        pictures="pictures",
        predictions="predictions",
        model="model folder",
        backbone="folder of the backbone",
        output="output: examples",
        metrics="output: figures",
    )
    args = parser.parse_args()
    params = load_params(args.params, "grad_cam", GradCamParams)
    model, predictions = model_folder.read(args.model), tables.read(args.predictions)
    examples, figures = explain(model, predictions, args.pictures, args.backbone, params)
    catalogue, label = predictions.attrs["catalogue"], figures["weights"]
    tables.write(examples, args.output, catalogue, model=model.name, title=model.title, weights=label)
    tables.write_metrics(figures, args.metrics, catalogue)


if __name__ == "__main__":
    cli.run(main)
