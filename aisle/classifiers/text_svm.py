"""TF-IDF + linear support vector machine on text."""

from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from aisle.classifiers import text_linear
from aisle.classifiers._platt import Platt
from aisle.encoders.text.tfidf import Encoder


class Classifier(text_linear.Classifier):
    """TF-IDF as in `text_linear`, a linear support vector machine, Platt's sigmoids inside the fold.

    Its parameters are those of `text_linear`; C is that of the machine.
    """

    def estimator(self) -> BaseEstimator:
        """Return the unfitted pipeline."""
        return make_pipeline(
            Encoder(max_features=None, min_df=self.min_df, ngram_range=self.ngram_range),
            Platt(LinearSVC(C=self.C, random_state=0)),
        )
