"""TF-IDF + logistic regression on text: the floor that every model is shown against."""

from pathlib import Path

import numpy as np
from pydantic import Field, PositiveInt
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from aisle import recipes, tables, text_fields
from aisle.classifiers import Inputs
from aisle.encoders.text.tfidf import Encoder
from aisle.params import Section


class Classifier(Section):
    """TF-IDF of the named fields, vocabulary fitted inside the fold, then logistic regression.

    Parameters
    ----------
    fields, form
        Which text of data/text.parquet.
    ngram_range, min_df
        Of the TF-IDF encoder.
    C
        Inverse strength of the L2 penalty.
    """

    fields: list[str]
    form: str
    ngram_range: tuple[PositiveInt, PositiveInt] = (1, 2)
    min_df: int = Field(2, ge=1)
    C: float = Field(10.0, gt=0)

    def read(self, path: str | Path) -> Inputs:
        """Read data/text.parquet; a product without a word has no input."""
        table = tables.read(path)
        texts = np.array(text_fields.compose(table, self.fields, self.form), dtype=object)
        available = np.array([bool(item) for item in texts])
        recipe = recipes.TextRecipe(fields=self.fields, form=self.form)
        return Inputs(list(table[tables.KEY]), texts, available, table.attrs["catalogue"], recipe)

    def estimator(self) -> BaseEstimator:
        """Return the unfitted pipeline."""
        return make_pipeline(
            Encoder(max_features=None, min_df=self.min_df, ngram_range=self.ngram_range),
            LogisticRegression(C=self.C, max_iter=1000),
        )
