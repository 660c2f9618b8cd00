"""TF-IDF + logistic regression on text: the baseline that every model is shown against."""

from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, PositiveInt, field_validator
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from aisle.catalogue import text_selection
from aisle.models.classifiers.registry import Inputs
from aisle.models.field_dropout import FieldDropout
from aisle.models.one_vs_rest import OneVsRestLogistic
from aisle.pipeline import tables
from aisle.pipeline.params import Section
from aisle.representations import recipes
from aisle.representations.encoders.text.tfidf import Tfidf


class Classifier(Section):
    """TF-IDF of the named fields, vocabulary fitted inside the fold, then logistic regression.

    Parameters
    ----------
    fields, form
        Which text of data/text.parquet.
    ngram_range, min_df, analyzer
        Of the TF-IDF encoder.
    C
        Inverse strength of the L2 penalty.
    alone
        Sets of fields that each product is learned from once more without its others, such as [[title]], for
        products that come with no more (`aisle.models.field_dropout`); those of `fields` count.
    solver
        `multinomial`: all categories in one fit; `one_vs_rest`: each against the rest, for hundreds of them.

    Examples
    --------
    >>> texts = np.array(["red mug", "desk lamp", "blue mug", "floor lamp"], object)
    >>> model = Classifier(fields=["title"], form="tokens", min_df=1).estimator()
    >>> model.fit(texts, ["Cups", "Lamps", "Cups", "Lamps"]).predict(["green mug"]).tolist()
    ['Cups']
    """

    fields: list[str]
    form: str
    ngram_range: tuple[PositiveInt, PositiveInt] = (1, 2)
    min_df: int = Field(2, ge=1)
    analyzer: Literal["word", "char_wb"] = "word"
    C: float = Field(10.0, gt=0)
    alone: list[list[str]] = Field(default_factory=list)
    solver: Literal["multinomial", "one_vs_rest"] = "multinomial"

    @field_validator("alone")
    @classmethod
    def _of_fields(cls, alone: list[list[str]]) -> list[list[str]]:
        for each in alone:
            if not each or not set(each) <= {*text_selection.FIELDS}:
                raise ValueError(f"alone must have sets of {', '.join(text_selection.FIELDS)}, not {each}")
        return alone

    def read(self, path: str | Path) -> Inputs:
        """Read data/text.parquet; a product without a word has no input."""
        table = text_selection.read(path, self.fields, self.form)
        texts = np.array(text_selection.apart(table, self.fields, self.form), dtype=object)
        available = np.array([bool(item) for item in texts])
        recipe = recipes.TextRecipe(fields=self.fields, form=self.form)
        return Inputs(list(table[tables.KEY]), texts, available, table.attrs["catalogue"], recipe)

    def terms(self) -> Tfidf:
        """Return the unfitted encoder; it keeps every term."""
        return Tfidf(None, self.min_df, self.ngram_range, self.analyzer)

    def classifier(self) -> BaseEstimator:
        """Return the unfitted last step."""
        multinomial = self.solver == "multinomial"
        return LogisticRegression(C=self.C, max_iter=1000) if multinomial else OneVsRestLogistic(self.C)

    def estimator(self) -> BaseEstimator:
        """Return the unfitted pipeline."""
        pipeline = make_pipeline(self.terms(), self.classifier())
        places = [[self.fields.index(field) for field in each if field in self.fields] for each in self.alone]
        some = [each for each in places if 0 < len(each) < len(self.fields)]
        return FieldDropout(pipeline.steps, some) if some else pipeline
