"""Explain the text model's predictions word by word (SHAP).

Inputs: the model folder and the predictions of the model that params.yaml: explain.text.model names;
data/text.parquet; data/products.parquet (titles).
Outputs: reports/shap_text.csv, one row per category and word that pushes towards it;
reports/shap_text_examples.csv, one row per example product (right and wrong out of fold) and word. The model
explained was fitted on all products; which examples are right or wrong was predicted out of fold.
"""

from aisle.explanation.word_shap import TextExplanationParams, explain
from aisle.models import model_folder, predictions_table
from aisle.pipeline import cli, tables
from aisle.pipeline.params import load_params


def main() -> None:
    """Read files, explain, write files."""
    parser = cli.parser(
        __doc__,
        model="model folder",
        texts="texts",
        predictions="predictions of the model",
        products="products",
        output="output: words of the categories",
        examples="output: words of the examples",
    )
    args = parser.parse_args()
    params = load_params(args.params, "explain.text", TextExplanationParams)
    model, predictions = model_folder.read(args.model), predictions_table.read_cv(args.predictions)
    texts, products = tables.read(args.texts), tables.read(args.products, ["product_id", "title", "category"])
    words, words_of_examples = explain(model, texts, predictions, products, params)
    tables.write_csv(words, args.output, texts.attrs["catalogue"])
    tables.write_csv(words_of_examples, args.examples, texts.attrs["catalogue"])


if __name__ == "__main__":
    cli.run(main)
