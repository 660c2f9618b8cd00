"""The own estimators keep scikit-learn's contract, as its `parametrize_with_checks` has it: no deviation.

Not among them, with the reason:

- encoders of texts and of pictures (aisle/representations/encoders): they take texts and pictures, not
  arrays of numbers, which nearly all checks feed. What concerns parameters is checked here.
- `FieldDropout`: it takes texts; what it adds to scikit-learn's `Pipeline` is in test_field_dropout.py.
- `FusionNetwork`: its columns are two parts whose widths are a parameter, so it refuses others.
- `ZeroShot`: it learns nothing from X and y; its categories are those of its prompts.
"""

import subprocess
import sys

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from sklearn.utils import estimator_checks

from aisle.models.classifiers.feature_linear import Components
from aisle.models.local_classifiers import LocalPerParent
from aisle.models.platt import Platt
from aisle.representations.encoders.image.descriptors import Descriptors
from aisle.representations.encoders.image.visual_words import VisualWords
from aisle.representations.encoders.text.word2vec import MeanWord2Vec

HEAD = """
from sklearn.utils.estimator_checks import check_estimator
from aisle.models.heads.keras_trainer import Training
from aisle.models.heads.mlp import DenseHead

training = Training(epochs=20, batch_size=16, learning_rate=0.02)
results = check_estimator(DenseHead(training, layers=(16,), dropout=0.0), on_skip=None)
assert len(results) > 40 and {each["status"] for each in results} <= {"passed", "skipped"}
"""


@estimator_checks.parametrize_with_checks(
    [Components(n_components=2), Platt(LinearSVC()), LocalPerParent(LogisticRegression())]
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_the_head(repo):
    """By itself: TensorFlow and torch do not get along in one process."""
    done = subprocess.run([sys.executable, "-c", HEAD], cwd=repo, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize(
    "encoder", [Descriptors(), VisualWords(), MeanWord2Vec()], ids=lambda each: type(each).__name__
)
@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_estimator_repr,
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_set_params,
    ],
    ids=lambda each: each.__name__,
)
def test_parameters_of_encoders(encoder, check):
    check(type(encoder).__name__, encoder)
