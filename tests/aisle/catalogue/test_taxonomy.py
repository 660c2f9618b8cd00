"""catalogue/taxonomy.py: category paths are split, and rolled up to nodes with enough products."""

import numpy as np
import pytest

from aisle.catalogue.taxonomy import OTHER, PATH_SEPARATOR, Tree, ancestors, roll_up


def paths(**counts):
    """Return a path for each product, from `A__B=2`: two at A >> B."""
    return [name.split("__") for name, n in counts.items() for _ in range(n)]


def rolled(given, min_size=3, min_groups=1):
    return roll_up(given, min_size, list(range(len(given))), min_groups)


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        (paths(A__B=3, A__C=3), ["A >> B"] * 3 + ["A >> C"] * 3),
        (paths(A__B=3, A__C=2, A__D=1), ["A >> B"] * 3 + ["A"] * 3),  # what is small gathers in the parent
        (paths(A__B__C=3, A__B__D=2, A=1), ["A >> B >> C"] * 3 + ["A"] * 3),  # and goes on if it is small too
        (paths(A__x=2, B__x=2), [OTHER] * 4),  # of two parents: not one x
        (paths(A=3, B=2), ["A"] * 3 + [""] * 2),  # too few even at the root
        (paths(A=3, B=1, C=2), ["A"] * 3 + [OTHER] * 3),
        ([["A", "B"]] * 3 + [["A", "B", "Bed (Finish Colo..."]], ["A >> B"] * 4),
        ([["A"]] * 3 + [["Eternal Gandhi Crystal Paper…"]] * 3, ["A"] * 3 + [OTHER] * 3),
    ],
)
def test_small_nodes_roll_up(given, labels):
    assert rolled(given) == labels


def test_products_of_one_name_are_too_few():
    given = paths(A__B=4, A__C=4, A=2)
    names = [1, 1, 1, 1, 2, 3, 4, 4, 5, 6]
    assert roll_up(given, 3, names, 3) == ["A"] * 4 + ["A >> C"] * 4 + ["A"] * 2


def test_what_was_rolled_up_is_rolled_up_again():
    given = [OTHER.split(PATH_SEPARATOR)] * 3 + paths(A=3, B=2)
    assert rolled(given) == [OTHER] * 3 + ["A"] * 3 + [OTHER] * 2


@pytest.mark.parametrize("seed", range(30))
def test_of_any_tree_each_label_is_the_deepest_with_enough(seed):
    rng = np.random.default_rng(seed)
    given = [list(rng.choice(list("abc"), rng.integers(1, 5))) for _ in range(rng.integers(1, 200))]
    groups = rng.integers(0, 60, len(given)).tolist()
    min_size, min_groups = int(rng.integers(1, 12)), int(rng.integers(1, 6))
    labels = roll_up(given, min_size, groups, min_groups)
    members = {}
    for number, label in enumerate(labels):
        members.setdefault(label, []).append(number)
    for label, rows in members.items():
        enough = len(rows) >= min_size and len({groups[row] for row in rows}) >= min_groups
        assert enough == (label != "")
    for path, label in zip(given, labels, strict=True):
        assert label in ("", OTHER, *ancestors(PATH_SEPARATOR.join(path)))
    if "" not in members:  # rolling up again changes nothing
        again = [label.split(PATH_SEPARATOR) for label in labels]
        assert roll_up(again, min_size, groups, min_groups) == labels


def test_the_tree_of_labels():
    tree = Tree(("A", "A >> B >> C", "D"))
    assert tree.nodes == ("A", "A >> B", "A >> B >> C", "D")
    assert tree.depths.tolist() == [1, 2, 3, 1] and tree.height == 3
    assert tree.above.tolist() == [[0, -1, -1], [0, 1, 2], [3, -1, -1]]
    assert Tree(("b", "a")).height == 1 and Tree(()).height == 0
