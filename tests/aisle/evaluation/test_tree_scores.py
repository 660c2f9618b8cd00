"""evaluation/tree_scores.py: sums of probabilities, decisions, scores on a tree, by hand and property."""

import numpy as np
import pandas as pd
import pytest

from aisle.catalogue.taxonomy import Tree, ancestors
from aisle.evaluation import model_scores, score_tables, selective, tree_scores, tree_ways
from tests.aisle.evaluation.examples import PARAMS, groups, prepared

TREE = Tree(("A", "A >> x", "A >> y >> u", "A >> y >> v", "B"))
"""Nodes: A, A >> x, A >> y, A >> y >> u, A >> y >> v, B."""
A, AX, AY, AYU, AYV, B = range(6)


def predictions(rows, labels=TREE.labels, inner=False):
    """Return a predictions table of (true label, probabilities); inner rows too, the same, if told."""
    parts = []
    for number in (-1, 0) if inner else (-1,):
        table = pd.DataFrame({"category": [true for true, _ in rows]})
        values = np.array([values for _, values in rows], float)
        parts.append(
            table.assign(
                protocol="cv", repeat=0, fold=1, inner_fold=number, seed=-1, available=True,
                product_id=[f"p{i}" for i in range(len(rows))],
                **{f"p_{name}": values[:, i] for i, name in enumerate(labels)},
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def test_a_node_has_the_sum_of_what_is_at_and_below_it():
    found = tree_ways.node_probabilities(np.array([[0.1, 0.2, 0.3, 0.15, 0.25]]), TREE)
    np.testing.assert_allclose(found, [[0.75, 0.2, 0.45, 0.3, 0.15, 0.25]])


@pytest.mark.parametrize(
    ("threshold", "depth"), [(0.51, 2), (0.6, 1), (0.74, 1), (0.8, 0), (float("inf"), 0)]
)
def test_the_deepest_certain_node_is_decided(threshold, depth):
    found = tree_ways.ways(np.array([[0.1, 0.1, 0.4, 0.15, 0.25]]), TREE)
    assert found.node.tolist() == [[A, AY, AYU]]
    np.testing.assert_allclose(found.probability, [[0.75, 0.55, 0.4]])
    assert tree_ways.decided_depth(found, np.full(3, threshold)).tolist() == [depth]


def test_a_decision_is_right_on_the_true_way_and_wrong_beyond_its_end():
    found = tree_ways.ways(np.tile([0.0, 0, 0.9, 0.1, 0], (4, 1)), TREE)
    true = TREE.above[[2, 3, 0, 4]]
    right = [
        tree_scores.decided_right(found, np.full(4, depth), true).tolist() for depth in range(TREE.height + 1)
    ]
    assert right == [
        [False] * 4,
        [True, True, True, False],
        [True, True, False, False],  # the third product's label is A: it stops there
        [True, False, False, False],
    ]


def many(n, seed=0):
    """Return the ways and true nodes of n products: depth 1 always right, deeper as sure as is said."""
    rng = np.random.default_rng(seed)
    deep, deeper = rng.uniform(0.5, 1, n), rng.uniform(0.5, 1, n)
    right, further = rng.random(n) < deep, rng.random(n) < deeper
    probability = np.column_stack([np.zeros(n), 1 - deep, deep * deeper, deep * (1 - deeper), np.zeros(n)])
    label = np.where(right, np.where(further, 2, 3), 1)
    return tree_ways.ways(probability, TREE), TREE.above[label]


def test_each_depth_has_a_threshold_that_keeps_the_error_there():
    """The deeper the stricter, and none below a depth that has none."""
    found, true = many(4000)
    chosen = tree_scores.thresholds_by_depth(found, true, 0.1, 0.95)
    assert chosen[0] <= chosen[1] <= chosen[2] < 1 and chosen[0] == pytest.approx(0.5, abs=0.01)
    depth = tree_ways.decided_depth(found, chosen)
    for level in (1, 2, 3):
        there = depth >= level
        np.testing.assert_array_equal(there, found.probability[:, level - 1] >= chosen[level - 1])
        assert there.mean() > 0 and (found.node[there, level - 1] != true[there, level - 1]).mean() <= 0.1
    worse = true.copy()
    worse[:, 1] = B
    assert np.isinf(tree_scores.thresholds_by_depth(found, worse, 0.1, 0.95)).tolist() == [False, True, True]


def test_the_depths_share_what_may_go_wrong():
    """A depth's threshold is that of its own sequence at a third of the risk: by Bonferroni over three."""
    found, true = many(4000)
    wrong = found.node[:, 0] != true[:, 0]
    assert not wrong.any()
    few = slice(0, selective.needed(0.1, 1 - 0.05 / 3) - 1)
    part = tree_ways.Ways(found.node[few], found.probability[few])
    assert len(true[few]) >= selective.needed(0.1, 0.95)
    assert np.isinf(tree_scores.thresholds_by_depth(part, true[few], 0.1, 0.95)).all()


def test_a_package_that_is_surer_has_higher_thresholds_at_each_depth():
    """As `selective.matched` has it, depth by depth; where nothing is promised out of fold, nothing is."""
    params = PARAMS.model_copy(update={"target_error": 0.1, "confidence": 0.95})
    found, true = many(4000)
    chosen = tree_scores.thresholds_by_depth(found, true, 0.1, 0.95)
    same = tree_scores.packaged_thresholds(found, true, found.probability, found.probability, params)
    assert [*same] == [f"threshold_depth_{level}" for level in (1, 2, 3)]
    np.testing.assert_allclose([*same.values()], chosen, atol=1e-3)
    surer = np.sqrt(found.probability)
    raised = np.array(
        [*tree_scores.packaged_thresholds(found, true, found.probability, surer, params).values()]
    )
    assert (raised[1:] > chosen[1:] + 0.01).all() and (np.diff(raised) >= 0).all()
    for level in (1, 2):
        kept = (surer[:, level] >= raised[level]).mean()
        assert kept <= (found.probability[:, level] >= chosen[level]).mean() + 1e-9
    worse = true.copy()
    worse[:, 1] = B
    none = tree_scores.packaged_thresholds(found, worse, found.probability, found.probability, params)
    assert np.isinf([*none.values()]).tolist() == [False, True, True]


def test_what_to_use_of_a_tree_has_a_threshold_for_each_depth():
    table = predictions(ROWS * 40, inner=True)
    group = groups(table)
    model = model_scores.prepare("T", {"text"}, "none", {-1: table}, group, LAX)
    assert model.inner_nodes.shape == (len(model.inner_confidence), 3)
    found = score_tables.deployment("words", model, group, LAX)
    depths = [found[f"threshold_depth_{level}"] for level in (1, 2, 3)]
    assert 0.5 < depths[0] < 1 and depths == sorted(depths)


LAX = PARAMS.model_copy(update={"target_error": 0.6, "confidence": 0.6})
"""So few products make no stricter promise."""
ROWS = [
    ("A >> y >> u", [0, 0, 0.9, 0.1, 0]),  # right
    ("A >> y >> u", [0, 0, 0.2, 0.8, 0]),  # wrong at the third depth
    ("A >> x", [0, 0, 0, 0.9, 0.1]),  # wrong at the second
    ("B", [0.1, 0.7, 0, 0, 0.2]),  # wrong at the first
    ("A", [0.95, 0.05, 0, 0, 0]),  # right: it stops there
]


def test_scores_by_hand():
    table = predictions(ROWS, inner=True)
    tree = tree_scores.tree_of(table)
    decided = tree_scores.decide(table, tree, groups(table), LAX)
    test = table[table["inner_fold"] == -1]
    assert len(decided) == len(test) == 5
    found = tree_scores.tree_scores(test, decided, tree, np.arange(5), PARAMS)
    assert found["tree_accuracy_depth_1"] == pytest.approx(4 / 5)
    assert found["tree_accuracy_depth_2"] == pytest.approx(2 / 3)
    assert found["tree_accuracy_depth_3"] == pytest.approx(1 / 2)
    # ancestor sets: common 3 + 2 + 1 + 0 + 1, said 3 + 3 + 3 + 2 + 1, true 3 + 3 + 2 + 1 + 1
    assert found["tree_h_precision"] == pytest.approx(7 / 12)
    assert found["tree_h_recall"] == pytest.approx(7 / 10)
    assert found["tree_h_f1"] == pytest.approx(14 / 22)
    # A: 4 of 4 true and 5 said; x: 0; y: 2 of 2 true, 3 said; u: 1 of 2 true, 1 said; v: 0; B: 0
    assert found["tree_macro_f1"] == pytest.approx((8 / 9 + 0 + 4 / 5 + 2 / 3 + 0 + 0) / 6)
    shares = [found[f"tree_decided_depth_{level}"] for level in (1, 2, 3)]
    assert sum(shares) == pytest.approx(found["tree_decided"])
    assert found["tree_decided_accuracy"] >= 0.7
    assert found["tree_h_f1_low"] <= found["tree_h_f1"] <= found["tree_h_f1_high"]


def test_tables_by_hand():
    table = predictions(ROWS, inner=True)
    tree = tree_scores.tree_of(table)
    decided = tree_scores.decide(table, tree, groups(table), LAX)
    test = table[table["inner_fold"] == -1]
    found = tree_scores.tables(test, decided, tree)
    nodes = found["tree"].set_index("node")
    assert list(found["tree"]) == tree_scores.TABLES["tree"]
    assert nodes["products"].to_dict() == {
        "A": 4, "A >> x": 1, "A >> y": 2, "A >> y >> u": 2, "A >> y >> v": 0, "B": 1,
    }  # fmt: skip
    assert nodes.loc["A >> y", ["precision", "recall"]].tolist() == pytest.approx([2 / 3, 1])
    assert nodes["stopped"].sum() == (decided["tree_depth"] > 0).sum()
    assert found["siblings"].to_numpy().tolist() == [
        ["A", "A >> x", "A >> y", 1],
        ["A >> y", "A >> y >> u", "A >> y >> v", 1],
        ["", "B", "A", 1],
    ]


def test_a_flat_list_has_no_tree():
    table = predictions([("a", [0.9, 0.1])], ("a", "b"))
    found = tree_scores.tables(table, table, tree_scores.tree_of(table))
    assert {name: list(each) for name, each in found.items()} == tree_scores.TABLES
    assert not any(map(len, found.values()))


@pytest.mark.parametrize("seed", range(8))
def test_of_any_tree(seed):
    """Sums fall on the way down, what is certain lies on one way, a perfect model has every score 1."""
    rng = np.random.default_rng(seed)
    labels = sorted({" >> ".join(rng.choice(list("abc"), rng.integers(1, 5))) for _ in range(12)})
    tree, n = Tree(tuple(labels)), 60
    sharp = rng.dirichlet(np.full(len(labels), 0.2), n)
    sums = tree_ways.node_probabilities(sharp, tree)
    places = {node: number for number, node in enumerate(tree.nodes)}
    for node in tree.nodes:
        for above in ancestors(node)[:-1]:
            assert (sums[:, places[above]] >= sums[:, places[node]] - 1e-12).all()
    np.testing.assert_allclose(sums[:, tree.depths == 1].sum(axis=1), 1)
    found = tree_ways.ways(sharp, tree, block=7)
    for threshold in (0.5 + 1e-9, 0.7, 0.95):
        depth = tree_ways.decided_depth(found, np.full(tree.height, threshold))
        for row in np.flatnonzero(depth > 1):
            way = ancestors(tree.nodes[found.node[row, depth[row] - 1]])
            assert [tree.nodes[node] for node in found.node[row, : depth[row]]] == way
    true = rng.integers(0, len(labels), n)
    perfect = [(labels[each], np.eye(len(labels))[each]) for each in true]
    table = predictions(perfect, labels, inner=True)
    decided = tree_scores.decide(table, tree, groups(table), PARAMS)
    test = table[table["inner_fold"] == -1]
    scores = tree_scores.tree_scores(test, decided, tree, np.arange(n), PARAMS)
    names = ["tree_h_precision", "tree_h_recall", "tree_h_f1", "tree_macro_f1", "tree_decided_accuracy"]
    assert all(scores[name] == pytest.approx(1) for name in [*names, "tree_decided"])


def test_the_scores_of_a_model_have_those_of_its_tree():
    rng = np.random.default_rng(0)
    true = rng.integers(0, 5, 200)
    rows = [(TREE.labels[each], rng.dirichlet(1 + 6 * np.eye(5)[each])) for each in true]
    table = predictions(rows, inner=True)
    made = prepared({-1: table})
    assert {"tree_depth", "tree_right", "node_3"} <= {*made.decided}
    assert len(made.decided) == 200
