"""models/decision_fusion.py: what combines models, by hand; learned on inner rows, never on the test part."""

import itertools

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from aisle.models import cross_fitting, decision_fusion, predictions_table
from aisle.models.decision_fusion import FusionParams
from aisle.pipeline.errors import AisleError
from aisle.pretrained.status import ABSENT

METHODS = ["log_mean", "vote", "stack"]
P = ["p_ant", "p_bee", "p_cow"]


def simulated(strengths, n=600, seed=0):
    """Return probabilities (n, m, 3) of independent models, all available, and categories; 0 is noise."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    logits = rng.normal(0, 1, (n, len(strengths), 3))
    logits += np.array(strengths)[None, :, None] * np.eye(3)[y][:, None, :]
    return softmax(logits, axis=2), np.ones((n, len(strengths)), bool), y


def nll(weights, each, available, y):
    mixed = decision_fusion.log_mean(each, available, np.asarray(weights, float))
    return -np.log(mixed[np.arange(len(y)), y]).mean()


def test_log_mean_is_the_weighted_geometric_mean():
    each, available, _ = simulated([1, 1, 1], n=5)
    found = decision_fusion.log_mean(each, available, np.array([0.2, 0.3, 0.5]))
    expected = each[:, 0] ** 0.2 * each[:, 1] ** 0.3 * each[:, 2] ** 0.5
    np.testing.assert_allclose(found, expected / expected.sum(axis=1, keepdims=True))


def test_where_one_input_is_missing_the_others_decide():
    each, available, _ = simulated([1, 1, 1], n=3)
    available[0] = [True, False, False]
    available[1] = [False, True, True]
    found = decision_fusion.log_mean(each, available, np.array([0.2, 0.3, 0.5]))
    np.testing.assert_allclose(found[0], each[0, 0])
    expected = each[1, 1] ** (3 / 8) * each[1, 2] ** (5 / 8)
    np.testing.assert_allclose(found[1], expected / expected.sum())


def test_a_model_of_weight_0_decides_where_it_alone_has_input():
    each, available, _ = simulated([1, 1], n=2)
    available[0] = [False, True]
    found = decision_fusion.log_mean(each, available, np.array([1.0, 0.0]))
    np.testing.assert_allclose(found, [each[0, 1], each[1, 0]])


def test_where_none_has_input_the_answer_is_the_mean_of_what_they_guess():
    """Each guesses the shares of its training part; here they differ."""
    each = np.array([[[0.5, 0.3, 0.2], [0.4, 0.4, 0.2]]])
    found = decision_fusion.log_mean(each, np.zeros((1, 2), bool), np.array([0.9, 0.1]))
    expected = np.sqrt(each[0, 0] * each[0, 1])
    np.testing.assert_allclose(found[0], expected / expected.sum())


def test_log_mean_survives_probability_0():
    each = np.array([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    found = decision_fusion.log_mean(each, np.ones((1, 2), bool), np.array([0.5, 0.5]))
    np.testing.assert_allclose(found, [[0.5, 0.5, 0]], atol=1e-5)


def test_the_weights_find_the_informative_model_and_ignore_noise():
    data = simulated([4, 0, 0])
    weights = decision_fusion.LogMean().fit(*data).weights_
    assert weights.sum() == pytest.approx(1, abs=2e-4) and (weights >= 0).all()
    assert weights[0] > 0.95
    swapped = decision_fusion.LogMean().fit(data[0][:, [1, 2, 0]], *data[1:]).weights_
    np.testing.assert_allclose(swapped, weights[[1, 2, 0]], atol=1e-3)


@pytest.mark.parametrize("strengths", [(2, 2, 2), (3, 1.5, 0), (2, 1, 1.5)])
def test_the_weights_are_the_best_of_a_grid(strengths):
    data = simulated(strengths, n=300)
    weights = decision_fusion.LogMean().fit(*data).weights_
    steps = np.arange(0, 21) / 20
    grid = [(a, b, 1 - a - b) for a, b in itertools.product(steps, steps) if a + b <= 1 + 1e-9]
    losses = {point: nll(point, *data) for point in grid}
    best = min(losses, key=losses.get)
    np.testing.assert_allclose(weights, best, atol=0.05)
    assert nll(weights, *data) <= losses[best] + 1e-3


def test_given_weights_are_not_learned():
    data = simulated([4, 0, 0])
    found = decision_fusion.create("log_mean", {"weights": [1, 1, 2]}).fit(*data)
    np.testing.assert_allclose(found.weights_, [0.25, 0.25, 0.5])
    np.testing.assert_allclose(
        found.combine(*data[:2]), decision_fusion.log_mean(*data[:2], np.array([1, 1, 2.0]))
    )


def vote(each, available=None):
    each = np.array([each], float)
    available = np.ones((1, each.shape[1]), bool) if available is None else np.array([available])
    return decision_fusion.Vote().fit(each, available, None).combine(each, available)[0]


def test_the_majority_wins_whatever_one_is_sure_of():
    found = vote([[0.4, 0.3, 0.3], [0.4, 0.3, 0.3], [0, 1, 0]])
    np.testing.assert_allclose(found, [(2 + 0.8 / 3) / 4, (1 + 1.6 / 3) / 4, 0.2 / 4])
    assert found.sum() == pytest.approx(1)


def test_a_tie_is_decided_by_the_mean_probability():
    three = [[0.6, 0.3, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]]  # means 1/3, 1.4/3, 0.6/3
    assert vote(three).argmax() == 1
    assert vote([[0.9, 0.05, 0.05], [0.3, 0.4, 0.3]]).argmax() == 0


def test_who_has_no_input_has_no_vote():
    each = [[0, 1, 0], [0, 1, 0], [0.8, 0.1, 0.1]]
    assert vote(each).argmax() == 1
    np.testing.assert_allclose(vote(each, [False, False, True]), [0.9, 0.05, 0.05])
    np.testing.assert_allclose(vote(each, [False] * 3), np.mean(each, axis=0))  # none: no vote at all


def test_the_stack_weighs_models_and_ignores_noise():
    train, test = simulated([3, 0, 1], seed=1), simulated([3, 0, 1], seed=2)
    stack = decision_fusion.create("stack", {"C": 1.0}).fit(*train)
    found = stack.combine(*test[:2])
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found.argmax(axis=1) == test[2]).mean() > (test[0][:, 2].argmax(axis=1) == test[2]).mean() + 0.1
    noise = test[0].copy()
    noise[:, 1] = simulated([0, 0, 0], seed=3)[0][:, 1]
    moved = np.abs(stack.combine(noise, test[1]) - found).mean()
    informative = test[0].copy()
    informative[:, 0] = noise[:, 1]
    assert np.abs(stack.combine(informative, test[1]) - found).mean() > 10 * moved


def test_the_stack_does_not_look_at_what_a_model_without_input_says():
    each, available, y = simulated([3, 3], seed=1)
    available[::3, 0] = False
    other = each.copy()
    other[::3, 0] = np.eye(3)[0]
    one, two = (decision_fusion.create("stack", {}).fit(given, available, y) for given in (each, other))
    np.testing.assert_array_equal(one.combine(each, available), two.combine(other, available))


def test_the_stack_gives_0_to_a_category_that_its_training_lacks():
    each, available, y = simulated([3, 1], seed=1)
    stack = decision_fusion.create("stack", {}).fit(each[y != 1], available[y != 1], y[y != 1])
    found = stack.combine(each, available)
    assert found.shape == (600, 3) and (found[:, 1] == 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found.argmax(axis=1) == y)[y != 1].mean() > 0.8


def test_the_stack_of_one_category_says_that_category():
    each, available, _ = simulated([3, 1], n=9)
    found = decision_fusion.create("stack", {}).fit(each, available, np.full(9, 2)).combine(each, available)
    np.testing.assert_array_equal(found, np.tile([0.0, 0.0, 1.0], (9, 1)))


@pytest.mark.parametrize(
    ("method", "options", "told"),
    [
        ("stack", {"c": 1}, ["'stack'", "c: "]),
        ("stack", {"C": 0}, ["C: ", "greater than 0"]),
        ("vote", {"C": 1}, ["'vote'", "C: "]),
        ("log_mean", {"weights": [0.5, -0.1]}, ["'log_mean'", "weights.1: "]),
        ("log_mean", {"weights": "equal"}, ["weights: ", "list"]),
    ],
)
def test_wrong_options_are_named(method, options, told):
    with pytest.raises(AisleError) as error:
        decision_fusion.create(method, options)
    assert all(part in str(error.value) for part in told), str(error.value)


@pytest.mark.parametrize("weights", [[1, 1], [0, 0, 0]])
def test_there_is_a_weight_for_each_model(weights):
    with pytest.raises(AisleError, match="weights must be 3 numbers, not all 0"):
        decision_fusion.create("log_mean", {"weights": weights}).fit(*simulated([1, 1, 1], n=9))


# ------------------------------------------------------------------------------------------------------ fuse


@pytest.fixture(scope="module")
def folds():
    """Return 60 products of 3 categories, two repeats of 4 folds, a hold-out."""
    rng = np.random.default_rng(3)
    category = np.tile(["ant", "bee", "cow"], 20)
    return pd.DataFrame(
        {
            "product_id": [f"p{i:02d}" for i in range(60)],
            "category": category,
            "group": np.arange(60),
            "split": rng.permutation(np.repeat(["train", "validation", "test"], [36, 12, 12])),
            "cv_0": np.arange(60) // 3 % 4,
            "cv_1": rng.permutation(60) % 4,
        }
    )


@pytest.fixture(scope="module")
def members(folds):
    """Return predictions of three models; the second lacks p03 and p04, the third p03, the first p03 too."""
    rng = np.random.default_rng(1)
    made = []
    for without, noise in (([3], 0.8), ([3, 4], 1.2), ([3], 3)):
        available = ~np.isin(np.arange(60), without)
        X = (folds["category"].to_numpy()[:, None] == ["ant", "bee", "cow"]) + rng.normal(0, noise, (60, 3))
        made.append(cross_fitting.out_of_fold(LogisticRegression(), X, available, folds))
    return made


def rows_of(table, protocol="cv", repeat=0, fold=1):
    return (table["protocol"] == protocol) & (table["repeat"] == repeat) & (table["fold"] == fold)


@pytest.mark.parametrize("method", METHODS)
def test_the_fused_table(members, method):
    fused = decision_fusion.fuse(members, method, {})
    keys = [*predictions_table.KEYS, "category"]
    pd.testing.assert_frame_equal(fused[keys], members[0][keys])
    assert list(fused.columns) == list(members[0].columns)
    np.testing.assert_allclose(predictions_table.probabilities(fused).sum(axis=1), 1)
    assert set(fused.loc[~fused["available"], "product_id"]) == {"p03"}
    pd.testing.assert_frame_equal(decision_fusion.fuse(members, method, {}), fused)
    right = predictions_table.probabilities(fused).argmax(axis=1) == pd.Categorical(fused["category"]).codes
    assert right.mean() > 0.5  # 1/3 by chance


def test_columns_of_a_member_alone_are_left_out(members):
    weighed = [members[0].assign(weight_text=0.5), *members[1:]]
    pd.testing.assert_frame_equal(
        decision_fusion.fuse(weighed, "vote", {}), decision_fusion.fuse(members, "vote", {})
    )


@pytest.fixture
def spied(members, monkeypatch):
    """Return what each combination learned from and combined: lists of row numbers of the members."""
    log = []
    marked = [table.assign(p_ant=np.arange(len(table), dtype=float)) for table in members]

    class Spy:
        def fit(self, each, available, y):
            self.learned = each[:, 0, 0].astype(int)
            return self

        def combine(self, each, available):
            log.append((self.learned, each[:, 0, 0].astype(int)))
            return each[:, 0]

    monkeypatch.setattr(decision_fusion, "create", lambda method, options: Spy())
    fused = decision_fusion.fuse(marked, "log_mean", {})
    np.testing.assert_array_equal(
        fused["p_ant"], np.arange(len(fused))
    )  # each row was combined, in its place
    return log


def test_a_combination_learns_from_the_inner_rows_of_the_same_fold_alone(members, spied):
    table = members[0]
    combined = np.concatenate([rows for _, rows in spied])
    assert sorted(combined) == list(range(len(table)))
    fold = ["protocol", "repeat", "fold"]
    for learned, rows in spied:
        inner = set(table.loc[rows, "inner_fold"])
        assert len(inner) == 1
        here = (table[fold] == table.loc[rows[0], fold]).all(axis=1)
        others = here & ~table["inner_fold"].isin({predictions_table.TEST, *inner})
        assert sorted(learned) == list(np.flatnonzero(others)) and len(learned)
        assert not set(table.loc[learned, "product_id"]) & set(table.loc[rows, "product_id"])


def test_the_test_rows_learn_from_all_inner_rows(members, spied):
    table = members[0]
    for learned, rows in spied:
        if (table.loc[rows, "inner_fold"] == predictions_table.TEST).all():
            protocol, repeat, fold = table.loc[rows[0], ["protocol", "repeat", "fold"]]
            here = rows_of(table, protocol, repeat, fold) & (table["inner_fold"] != predictions_table.TEST)
            assert sorted(learned) == list(np.flatnonzero(here))


@pytest.mark.parametrize("method", METHODS)
def test_the_test_parts_labels_and_predictions_change_nothing_that_is_learned(members, method):
    """Only what stands in the row itself decides a test row, and nothing of the test part an inner row."""
    tested = rows_of(members[0]) & (members[0]["inner_fold"] == predictions_table.TEST)
    other = [table.copy() for table in members]
    for table in other:
        table.loc[tested, "category"] = table.loc[tested, "category"].map(
            {"ant": "bee", "bee": "cow", "cow": "ant"}
        )
    one, two = decision_fusion.fuse(members, method, {}), decision_fusion.fuse(other, method, {})
    np.testing.assert_array_equal(one[P], two[P])
    for table in other:
        table.loc[tested, P] = [0.9, 0.05, 0.05]
    three = decision_fusion.fuse(other, method, {})
    np.testing.assert_array_equal(one.loc[~tested, P], three.loc[~tested, P])
    assert not np.allclose(one.loc[tested, P], three.loc[tested, P])


@pytest.mark.parametrize("method", ["log_mean", "stack"])
def test_inner_rows_do_change_what_is_learned(members, method):
    inner = rows_of(members[0]) & (members[0]["inner_fold"] != predictions_table.TEST)
    other = [table.copy() for table in members]
    other[0].loc[inner, P] = np.roll(other[0].loc[inner, P].to_numpy(), 1, axis=1)
    one, two = decision_fusion.fuse(members, method, {}), decision_fusion.fuse(other, method, {})
    tested = rows_of(one) & (one["inner_fold"] == predictions_table.TEST)
    assert not np.allclose(one.loc[tested, P], two.loc[tested, P], atol=1e-3)


def test_without_a_picture_the_text_alone_decides(members):
    """p04 lacks the second model; p03 all three, and gets their shares."""
    pair = [members[0], members[1]]
    fused = decision_fusion.fuse(pair, "log_mean", {})
    text_only = fused["product_id"] == "p04"
    np.testing.assert_allclose(fused.loc[text_only, P], members[0].loc[text_only, P], atol=1e-9)
    nothing = fused["product_id"] == "p03"
    np.testing.assert_allclose(fused.loc[nothing, P], members[0].loc[nothing, P], atol=1e-9)
    assert text_only.any() and nothing.any()


def test_a_single_inner_fold_learns_from_itself(members):
    """As of a hold-out with one repeat, whose validation part is one fold of it."""
    made = [table[table["protocol"] == "holdout"].reset_index(drop=True) for table in members]
    one = [table.assign(inner_fold=table["inner_fold"].clip(upper=0)) for table in made]
    fused = decision_fusion.fuse(one, "stack", {})
    each, available, y = decision_fusion.stacked(one)
    inner = (one[0]["inner_fold"] == 0).to_numpy()
    expected = decision_fusion.create("stack", {}).fit(each[inner], available[inner], y[inner])
    np.testing.assert_array_equal(predictions_table.probabilities(fused), expected.combine(each, available))


def test_stacked(members):
    each, available, y = decision_fusion.stacked(members)
    n = len(members[0])
    assert each.shape == (n, 3, 3) and available.shape == (n, 3)
    np.testing.assert_array_equal(each[7, 2], members[2].loc[7, P].to_numpy(float))
    assert (np.array(["ant", "bee", "cow"])[y] == members[0]["category"]).all()
    missing = available[(members[0]["product_id"] == "p04").to_numpy()]
    assert missing.tolist() == [[True, False, True]] * len(missing)


# ------------------------------------------------------------------------------------ fusions of any number


@pytest.fixture(scope="module")
def named(members):
    """Return predictions of four models, with what their files say: two of text, of pictures, of both."""
    rng = np.random.default_rng(5)
    fourth = members[0].copy()
    fourth[P] = rng.dirichlet(np.ones(3), len(fourth)) + fourth[P]
    fourth[P] /= fourth[P].sum(axis=1).to_numpy()[:, None]
    kinds = {"words": "text", "titles": "text", "seen": "image", "both": "image+text"}
    tables = {}
    for (name, kind), table in zip(kinds.items(), [*members, fourth], strict=True):
        tables[name] = table.copy()
        tables[name].attrs = {"catalogue": "tiny", "weights": "none", "modalities": kind, "title": name}
    return tables


def params_of(method, *models, **options):
    return FusionParams(title="Fused", method=method, models=list(models), options=options)


@pytest.mark.parametrize("models", [("seen", "words"), ("both", "words", "titles", "seen")])
@pytest.mark.parametrize("method", METHODS)
def test_a_fusion_of_two_and_of_four_members(named, method, models):
    params = params_of(method, *models)
    members = {name: named[name] for name in models}
    table, model = decision_fusion.run("fused", params, members)
    tables = [named[name] for name in models]
    pd.testing.assert_frame_equal(table, decision_fusion.fuse(tables, method, {}), check_like=True)
    assert table.attrs == {"weights": "none", "modalities": "image+text", "title": "Fused"}
    cv = [predictions_table.test_rows(each[each["protocol"] == "cv"]) for each in tables]
    each, available, y = decision_fusion.stacked(cv)
    assert each.shape == (120, len(models), 3)
    expected = decision_fusion.create(method, {}).fit(each, available, y).combine(each, available)
    np.testing.assert_array_equal(model.estimator.combine(each, available), expected)
    assert (model.name, model.title, model.members, model.recipe) == ("fused", "Fused", list(models), None)
    assert model.params == {"fusions": params.model_dump(mode="json")} and model.available
    assert model.categories == ["ant", "bee", "cow"] and sum(model.prior) == pytest.approx(1)


def test_members_are_put_in_the_order_of_the_first(named):
    params = params_of("stack", "words", "seen", "titles")
    straight = {name: named[name] for name in params.models}
    table, _ = decision_fusion.run("fused", params, straight)
    mixed = straight | {"seen": named["seen"].sample(frac=1, random_state=0)}
    again, _ = decision_fusion.run("fused", params, mixed)
    pd.testing.assert_frame_equal(again, table, check_exact=True)
    reordered = {name: straight[name] for name in ("titles", "words", "seen")}
    pd.testing.assert_frame_equal(decision_fusion.run("fused", params, reordered)[0], table, check_exact=True)


def test_a_member_of_other_products_is_named(named):
    table = named["seen"]
    fewer = {"words": named["words"], "seen": table[table["product_id"] != "p05"]}
    with pytest.raises(AisleError, match=r"predictions of seen .* words.*lacks p05"):
        decision_fusion.run("fused", params_of("vote", "words", "seen"), fewer)


def test_one_member_without_its_weights_leaves_no_combination(named):
    lost = named["seen"].copy()
    lost.attrs = named["seen"].attrs | {"weights": ABSENT}
    members = {"words": named["words"], "titles": named["titles"], "both": named["both"], "seen": lost}
    table, model = decision_fusion.run("fused", params_of("stack", *members), members)
    assert table.attrs["weights"] == model.weights == ABSENT
    assert model.estimator is None and not model.available and model.members == list(members)


@pytest.mark.parametrize("models", [[], ["words"]])
def test_a_fusion_has_two_members_at_least(models):
    with pytest.raises(ValidationError, match=r"models\n.* at least 2"):
        FusionParams(title="t", method="vote", models=models)


def test_given_weights_must_be_one_of_each_member(named):
    members = {name: named[name] for name in ("words", "seen")}
    with pytest.raises(AisleError, match="weights must be 2 numbers"):
        decision_fusion.run("fused", params_of("log_mean", *members, weights=[1, 2, 3]), members)


@pytest.mark.parametrize("method", ["log_mean", "vote", "stack"])
def test_without_any_input_the_figures_are_the_shares_of_the_categories(method):
    """A vote made of the most frequent category 0.88 of a product that had nothing but an emoji."""
    rng = np.random.default_rng(0)
    prior = np.array([0.3, 0.25, 0.2, 0.15, 0.1])
    available = rng.random((60, 3)) < 0.8
    available[:5] = False
    each = np.where(available[:, :, None], rng.dirichlet(np.ones(5), (60, 3)), prior)
    fitted = decision_fusion.create(method, {}).fit(each, available, rng.integers(0, 5, 60))
    found = fitted.combine(each, available)
    nothing = ~available.any(axis=1)
    np.testing.assert_allclose(found[nothing], np.tile(prior, (nothing.sum(), 1)), atol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert np.abs(found[~nothing] - prior).max(axis=1).min() > 1e-3
