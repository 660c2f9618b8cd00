"""SHAP values of a linear model of words: what each word adds to the log-odds of each category."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field
from scipy.sparse import csr_matrix

from aisle.catalogue import text_selection
from aisle.models.model_folder import SavedModel
from aisle.models.predictions_table import categories, mean_over_repeats, probabilities
from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import Section
from aisle.representations.recipes import TextRecipe


class TextExplanationParams(Section):
    """Section `explain.text`.

    Parameters
    ----------
    model
        A classifier `text_linear`.
    n_words
        For each category, and for each example.
    n_examples
        Products predicted right, and as many predicted wrong.
    """

    model: str
    n_words: int = Field(ge=1)
    n_examples: int = Field(ge=0)


class LinearWords:
    """SHAP values of a pipeline of TF-IDF and multinomial logistic regression.

    The background is the mean of all the texts (Lundberg and Lee 2017, "interventional"): a value is what a
    word's weight in a text, against its mean weight in the catalogue, adds to a category's score before the
    softmax. The values of a text add up to its score less the expected one.

    Parameters
    ----------
    pipeline
        Fitted, two steps.
    texts
        n texts.

    Attributes
    ----------
    matrix
        TF-IDF (n, words), sparse.
    words
        Words and pairs of words.
    classes
        k categories.

    Raises
    ------
    AisleError
        If the pipeline is not of these two steps.
    """

    def __init__(self, pipeline: Any, texts: np.ndarray) -> None:
        import shap

        steps = [step for _, step in getattr(pipeline, "steps", [])]
        if (
            len(steps) != 2
            or not hasattr(steps[0], "get_feature_names_out")
            or not hasattr(steps[1], "coef_")
        ):
            raise AisleError(
                f"explain.text.model must be TF-IDF and a linear model (text_linear), not {pipeline!r}"
            )
        encoder, linear = steps
        if len(linear.classes_) == 2:  # scikit-learn keeps the second category's odds alone
            coefficients = np.vstack([-linear.coef_[0], linear.coef_[0]]) / 2
            intercept = np.array([-linear.intercept_[0], linear.intercept_[0]]) / 2
        else:
            coefficients, intercept = linear.coef_, linear.intercept_
        self.matrix = csr_matrix(encoder.transform(texts))
        self.words = np.asarray(encoder.get_feature_names_out(), dtype=object)
        self.classes = [str(name) for name in linear.classes_]
        mean = np.asarray(self.matrix.mean(axis=0)).ravel()
        self.coefficients, self.mean = coefficients, mean
        masker = shap.maskers.Independent({"mean": mean, "cov": None})
        self._explainer = shap.LinearExplainer((coefficients, intercept), masker)
        self.expected = np.asarray(self._explainer.expected_value)

    def values(self, rows: np.ndarray) -> np.ndarray:
        """Return SHAP values (rows, words, k)."""
        return np.asarray(self._explainer.shap_values(self.matrix[rows].toarray()))


def explain(
    model: SavedModel,
    texts: pd.DataFrame,
    predictions: pd.DataFrame,
    products: pd.DataFrame,
    params: TextExplanationParams,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables of reports/shap_text.csv and reports/shap_text_examples.csv.

    Parameters
    ----------
    model
        `params.model`, fitted on all products.
    texts
        The table of data/text.parquet.
    predictions
        Of the model, out of fold: by them examples are right or wrong.
    products
        product_id and title.
    params
        Section `explain.text`.

    Raises
    ------
    AisleError
        If the model is not one of words, or the products of two tables differ.
    """
    if not isinstance(model.recipe, TextRecipe):
        raise AisleError(f"explain.text.model must be a model of words, not {params.model!r}")
    table, reference = mean_over_repeats(predictions), f"predictions of {params.model}"
    texts = tables.align(texts, products[tables.KEY], "data/text.parquet", "data/products.parquet")
    known = products["category"].notna()  # predictions are of these alone
    texts, products = (
        tables.align(each[known.to_numpy()], table[tables.KEY], name, reference)
        for each, name in ((texts, "data/text.parquet"), (products, "data/products.parquet"))
    )
    composed = pd.Series(text_selection.compose(texts, model.recipe.fields, model.recipe.form), dtype=object)
    here = (composed != "").to_numpy()
    explained = LinearWords(model.estimator, composed[here].to_numpy())
    chosen = examples(table, params.n_examples)
    words = example_words(explained, list(table.loc[here, tables.KEY]), chosen, params.n_words)
    titles = products.set_index(tables.KEY)["title"]
    words.insert(1, "title", words[tables.KEY].map(titles))
    category = table.loc[here, "category"].to_numpy(str)
    return category_words(explained, category, params.n_words), words


def mean_values(explained: LinearWords, category: np.ndarray) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each category with a row per word: word, mean_shap, mean_abs_shap, mean_shap_present, texts.

    A value is the word's coefficient times what its weight in the text exceeds the mean weight by. So sums
    over texts are sums of weights times a coefficient, and products x words x categories are never in
    memory.

    Parameters are those of `category_words`, which says what the columns are.
    """
    matrix, mean = explained.matrix.tocsc(), explained.mean
    n, texts = matrix.shape[0], np.diff(matrix.indptr)
    weights = np.asarray(matrix.sum(axis=0)).ravel()
    above = np.abs(matrix.data - np.repeat(mean, texts))
    away = np.add.reduceat(np.append(above, 0.0), matrix.indptr[:-1]) * (texts > 0) + (n - texts) * mean
    present = (weights - texts * mean) / np.maximum(texts, 1)
    rows = explained.matrix
    for name, coefficient in zip(explained.classes, explained.coefficients, strict=True):
        own = category == name
        inside = np.asarray(rows[own].sum(axis=0)).ravel() / max(own.sum(), 1) - mean * own.any()
        yield (
            name,
            pd.DataFrame(
                {
                    "word": explained.words,
                    "mean_shap": coefficient * inside,
                    "mean_abs_shap": np.abs(coefficient) * away / n,
                    "mean_shap_present": coefficient * present,
                    "texts": texts,
                }
            ),
        )


def category_words(explained: LinearWords, category: np.ndarray, n_words: int) -> pd.DataFrame:
    """Return for each category the words that push its products most towards it.

    Parameters
    ----------
    explained
        The model and the n texts.
    category
        True category of each text, (n,).
    n_words
        For each category.

    Returns
    -------
    pandas.DataFrame
        category, rank, word, mean_shap (over the category's texts; the order), mean_abs_shap (over all),
        mean_shap_present (over the texts that have the word; above 0, for its presence pushes), texts (how
        many have it).
    """
    found = []
    for name, table in mean_values(explained, category):
        towards = table[(table["mean_shap_present"] > 0) & (table["mean_shap"] > 0)]
        best = towards.sort_values(["mean_shap", "word"], ascending=[False, True])[:n_words]
        found.append(best.assign(category=name, rank=np.arange(1, len(best) + 1)))
    columns = ["category", "rank", "word", "mean_shap", "mean_abs_shap", "mean_shap_present", "texts"]
    return pd.concat(found, ignore_index=True)[columns]


def examples(table: pd.DataFrame, n_examples: int) -> pd.DataFrame:
    """Choose products to explain: the most confident right ones, and the most confident wrong ones.

    Of each kind one per true category as long as there are such; out of fold, so that wrong ones are there.

    Parameters
    ----------
    table
        One row per product (`aisle.models.predictions_table.mean_over_repeats`); those without input are no
        examples.
    n_examples
        Of each kind.

    Returns
    -------
    pandas.DataFrame
        product_id, category (true), predicted, probability (of the predicted one), right.
    """
    table = table[table["available"].to_numpy(bool)]
    values = probabilities(table)
    predicted = np.array(categories(table))[values.argmax(axis=1)]
    chosen = pd.DataFrame(
        {
            tables.KEY: table[tables.KEY].to_numpy(),
            "category": table["category"].to_numpy(),
            "predicted": predicted,
            "probability": values.max(axis=1),
            "right": predicted == table["category"].to_numpy(str),
        }
    ).sort_values(["probability", tables.KEY], ascending=[False, True], ignore_index=True)
    chosen["turn"] = chosen.groupby(["right", "category"]).cumcount()
    chosen = chosen.sort_values("turn", kind="stable").groupby("right").head(n_examples)
    order = ["right", "turn", "probability", tables.KEY]
    chosen = chosen.sort_values(order, ascending=[False, True, False, True], ignore_index=True)
    return chosen.drop(columns="turn")


def example_words(
    explained: LinearWords, product_ids: list[str], chosen: pd.DataFrame, n_words: int
) -> pd.DataFrame:
    """Return the words of each example that add or take most.

    Parameters
    ----------
    explained
        The model and the texts of `product_ids`, in their order.
    product_ids
        n ids.
    chosen
        From `examples`.
    n_words
        For each example.

    Returns
    -------
    pandas.DataFrame
        The columns of `chosen`, rank, word, shap_predicted and shap_true: what the word adds to the score of
        the predicted and of the true category. Order: the larger of the two, by size. Words of the text only.
    """
    place = {product: row for row, product in enumerate(product_ids)}
    facts = [str(name) for name in chosen.columns]
    rows = []
    for example in chosen.to_dict("records"):
        row = np.array([place[example[tables.KEY]]])
        present = np.unique(explained.matrix[row].indices)
        values = explained.values(row)[0][present]
        columns = [explained.classes.index(example[name]) for name in ("predicted", "category")]
        table = pd.DataFrame(values[:, columns], columns=["shap_predicted", "shap_true"])
        table.insert(0, "word", explained.words[present])
        largest = table[["shap_predicted", "shap_true"]].abs().max(axis=1)
        best = table.assign(largest=largest).sort_values(["largest", "word"], ascending=[False, True])
        best = best.drop(columns="largest")[:n_words].assign(**{name: example[name] for name in facts})
        rows.append(best.assign(rank=np.arange(1, len(best) + 1)))
    result = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()
    return result.reindex(columns=[*facts, "rank", "word", "shap_predicted", "shap_true"])
