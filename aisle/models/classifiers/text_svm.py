"""TF-IDF + linear support vector machine on text."""

from sklearn.base import BaseEstimator
from sklearn.svm import LinearSVC

from aisle.models.classifiers import text_linear
from aisle.models.platt import Platt


class Classifier(text_linear.Classifier):
    """TF-IDF as in `text_linear`, a linear support vector machine, Platt's sigmoids inside the fold.

    Its parameters are those of `text_linear`; C is that of the machine.

    Examples
    --------
    >>> import numpy as np
    >>> texts = np.array(["red mug", "desk lamp", "blue mug", "floor lamp"], object)
    >>> model = Classifier(fields=["title"], form="tokens", min_df=1).estimator()
    >>> model.fit(texts, ["Cups", "Lamps", "Cups", "Lamps"]).predict(["green mug"]).tolist()
    ['Cups']
    """

    def classifier(self) -> BaseEstimator:
        """Return the unfitted last step."""
        return Platt(LinearSVC(C=self.C, random_state=0))
