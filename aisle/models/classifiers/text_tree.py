"""TF-IDF + logistic regression at each node of the tree of categories."""

from sklearn.base import BaseEstimator

from aisle.models.classifiers import text_linear
from aisle.models.local_classifiers import LocalPerParent


class Classifier(text_linear.Classifier):
    """TF-IDF as in `text_linear`, then a logistic regression for each parent of the tree, from the root down.

    Its parameters are those of `text_linear`; `solver` is that of each parent. Of a flat list of categories
    it is the same model.

    Examples
    --------
    >>> import numpy as np
    >>> texts = np.array(["red mug", "desk lamp", "blue mug", "floor lamp"], object)
    >>> model = Classifier(fields=["title"], form="tokens", min_df=1).estimator()
    >>> labels = ["Kitchen >> Cups", "Lamps", "Kitchen >> Cups", "Lamps"]
    >>> model.fit(texts, labels).predict(["green mug"]).tolist()
    ['Kitchen >> Cups']
    """

    def classifier(self) -> BaseEstimator:
        """Return the unfitted last step."""
        return LocalPerParent(super().classifier())
