"""models/field_dropout.py: a model of texts that knows products of which only some fields are there."""

import numpy as np
import pytest
from sklearn.base import clone

from aisle.models import estimator_file
from aisle.models.classifiers import registry
from aisle.models.field_dropout import FieldDropout, copies
from aisle.models.platt import Platt
from aisle.pipeline.errors import AisleError

TEXTS = ["mug\x1fto drink from\x1fred", "lamp\x1f\x1f", "\x1fshines\x1f", "cup\x1f\x1fblue"]
FIELDS = ["title", "description", "specifications"]


def model(classifier="text_svm", **options):
    known = {"fields": FIELDS, "form": "clean", "min_df": 1} | options
    params = registry.ClassifierParams(title="Words", classifier=classifier, input="t", options=known)
    return registry.create(params)


@pytest.mark.parametrize(
    ("alone", "texts", "rows"),
    [
        ([], [], []),
        ([[0]], ["mug\x1f\x1f", "cup\x1f\x1f"], [0, 3]),
        (
            [[0], [1, 2]],
            ["mug\x1f\x1f", "cup\x1f\x1f", "\x1fto drink from\x1fred", "\x1f\x1fblue"],
            [0, 3] * 2,
        ),
        ([[0, 2]], ["mug\x1f\x1fred"], [0]),
    ],
)
def test_a_copy_has_some_of_the_fields_and_lacks_one_that_was_there(alone, texts, rows):
    found, products = copies(TEXTS, alone)
    assert list(found) == TEXTS + texts and list(products) == [0, 1, 2, 3, *rows]


def shop(n, seed=0):
    """Return products whose names say less of the category than the long texts that go with them."""
    rng = np.random.default_rng(seed)
    y = np.repeat(["Cups", "Lamps"], n // 2)
    loud = {"Cups": "drink pour handle sip ceramic", "Lamps": "shine bulb shade light watt"}
    quiet = {"Cups": [f"c{i}" for i in range(8)], "Lamps": [f"l{i}" for i in range(8)]}
    shared = [f"brand{i}" for i in range(8)]
    names = [f"{rng.choice(quiet[each])} {' '.join(rng.choice(shared, 3))}" for each in y]
    return np.array([f"{name}\x1f{loud[each]}\x1f" for name, each in zip(names, y, strict=True)], object), y


@pytest.mark.parametrize("classifier", ["text_linear", "text_svm", "text_tree"])
def test_names_alone_are_known_better_and_whole_products_as_well(classifier):
    texts, y = shop(80)
    new, true = shop(400, seed=1)
    names = np.array([text.split("\x1f")[0] for text in new], object)
    right, sure = {}, {}
    for alone in ([], [["title"]]):
        fitted = model(classifier, alone=alone).estimator().fit(texts, y)
        assert (fitted.predict(new) == true).all()
        right[bool(alone)] = (fitted.predict(names) == true).mean()
        sure[bool(alone)] = fitted.predict_proba(names)[true == "Cups", 0].mean()
    assert right[True] > 0.97 and right[True] >= right[False]
    assert sure[True] > sure[False] + 0.05


class Watched(Platt):
    """Sigmoids that keep what they were told of groups."""

    def fit(self, X, y, groups=None):
        self.told_ = groups
        return super().fit(X, y, groups)


def test_copies_of_a_product_are_one_group():
    texts, y = shop(20)
    pipeline = model(alone=[["title"]]).estimator()
    pipeline.steps[-1] = ("platt", Watched(pipeline[-1].machine))
    fitted = pipeline.fit(texts, y)
    assert list(fitted[-1].told_) == [*range(20), *range(20)]


def test_sigmoids_are_fitted_on_products_that_the_machine_has_not_seen():
    """Labels that say nothing: a machine that saw the copies of a product would be sure of it."""
    rng = np.random.default_rng(0)
    X = np.tile(rng.normal(size=(60, 100)), (2, 1))
    y = np.tile(rng.choice(["ant", "bee"], 60), 2)
    machine = model().estimator()[-1].machine
    apart = Platt(machine).fit(X, y, np.tile(np.arange(60), 2)).predict_proba(X).max(axis=1)
    mixed = Platt(machine).fit(X, y).predict_proba(X).max(axis=1)
    assert mixed.mean() > 0.9 > 0.7 > apart.mean()


def test_the_model_is_kept_in_a_package_and_cloned():
    texts, y = shop(20)
    estimator = model(alone=[["title"], ["description", "specifications"]]).estimator()
    assert isinstance(estimator, FieldDropout) and clone(estimator).alone == [[0], [1, 2]]
    fitted = estimator.fit(texts, y)
    again = estimator_file.loads(estimator_file.dumps(fitted), "it")
    np.testing.assert_array_equal(again.predict_proba(texts), fitted.predict_proba(texts))


@pytest.mark.parametrize(
    ("fields", "places"),
    [(FIELDS[:1], None), (FIELDS[:2], [[0], [1]]), (FIELDS[1:], None), (FIELDS[::2], [[0], [1]])],
)
def test_of_the_sets_those_fields_count_that_the_model_reads(fields, places):
    """As where `dvc exp run -S` takes a field away."""
    estimator = model(fields=fields, alone=[["title"], ["description", "specifications"]]).estimator()
    assert getattr(estimator, "alone", None) == places


@pytest.mark.parametrize("each", [[], ["brand"], ["title", "brand"]])
def test_what_is_no_field_is_refused(each):
    with pytest.raises(AisleError, match="alone must have sets of title, description, specifications, not"):
        model(alone=[each])
