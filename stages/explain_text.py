"""Explain the text model's predictions word by word (SHAP).

Inputs: the model folder and the predictions of the model that params.yaml: explain.text.model names;
data/text.parquet; data/products.parquet (titles).
Outputs: reports/shap_text.csv, one row per category and word that pushes towards it;
reports/shap_text_examples.csv, one row per example product (right and wrong out of fold) and word. The model
explained was fitted on all products; which examples are right or wrong was predicted out of fold.
"""

import pandas as pd

from aisle import cli, saved_models, tables, text_fields
from aisle.errors import AisleError
from aisle.explain.text import (
    LinearWords,
    TextExplanationParams,
    category_words,
    example_words,
    examples,
)
from aisle.params import load_params
from aisle.recipes import TextRecipe
from aisle.repeats import mean_over_repeats


def run(
    model: saved_models.SavedModel,
    texts: pd.DataFrame,
    predictions: pd.DataFrame,
    products: pd.DataFrame,
    params: TextExplanationParams,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the words of the categories and the words of the examples."""
    if not isinstance(model.recipe, TextRecipe):
        raise AisleError(f"explain.text.model must be a model of words, not {params.model!r}")
    table = mean_over_repeats(predictions)
    ids = list(table["product_id"])
    texts = tables.align(texts, ids, "data/text.parquet", f"predictions of {params.model}")
    products = tables.align(products, ids, "data/products.parquet", f"predictions of {params.model}")
    composed = pd.Series(text_fields.compose(texts, model.recipe.fields, model.recipe.form), dtype=object)
    here = composed != ""
    explained = LinearWords(model.estimator, composed[here].to_numpy())
    chosen = examples(table, params.n_examples)
    words = example_words(
        explained, [item for item, there in zip(ids, here, strict=True) if there], chosen, params.n_words
    )
    titles = products.set_index("product_id")["title"]
    words.insert(1, "title", words["product_id"].map(titles))
    category = table.loc[here.to_numpy(), "category"].to_numpy(str)
    return category_words(explained, category, params.n_words), words


def main() -> None:
    """Read files, run, write files."""
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
    texts = tables.read(args.texts)
    words, of_examples = run(
        saved_models.read(args.model),
        texts,
        tables.read(args.predictions),
        tables.read(args.products, ["product_id", "title"]),
        params,
    )
    label = texts.attrs["catalogue"]
    tables.write_csv(words, args.output, label)
    tables.write_csv(of_examples, args.examples, label)


if __name__ == "__main__":
    cli.run(main)
