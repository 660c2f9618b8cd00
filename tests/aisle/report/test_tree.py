"""report/sections/tree.py: one line of a flat list; scores, stops and confused siblings of a tree."""

import pandas as pd
import pytest

from aisle.report.blocks import Paragraph
from aisle.report.figures.labels import endings
from aisle.report.sections import tree
from tests.aisle.report.conftest import around, scores

NODES = ("A", "A >> x", "A >> y", "B")


@pytest.fixture
def results(make_results):
    models = {}
    for name in ("baseline", "both"):
        found = scores(name)
        for key in ("h_f1", "h_precision", "h_recall", "macro_f1", "decided", "decided_accuracy"):
            found |= around(f"cv_tree_{key}", 0.9)
        for level in (1, 2):
            for key in ("accuracy", "decided", "decided_accuracy"):
                found |= around(f"cv_tree_{key}_depth_{level}", 0.5 + level / 10)
        models[name] = found
    nodes = pd.DataFrame(
        {
            "node": NODES,
            "depth": [1, 2, 2, 1],
            "is_label": [False, True, True, True],
            "products": [4.0, 3.0, 1.0, 2.0],
            "precision": [1.0, 0.75, 0.5, 1.0],
            "recall": [1.0, 0.8, 0.4, 1.0],
            "f1": [1.0, 0.77, 0.44, 1.0],
            "stopped": [2.0, 1.0, 0.0, 2.0],
            "stopped_right": [1.0, 1.0, 0.0, 1.0],
        }
    )
    pairs = pd.DataFrame(
        {"parent": ["A", ""], "actual": ["A >> x", "B"], "predicted": ["A >> y", "A"], "products": [2.0, 1.0]}
    )
    made = make_results("baseline", "both", metrics={"models": models})
    for name, table in (("tree", nodes), ("siblings", pairs)):
        made.tables[name] = pd.concat([table.assign(model=model) for model in ("baseline", "both")])
    return made


def test_a_flat_list_has_one_line(make_results):
    blocks = tree.section(make_results()).blocks
    assert len(blocks) == 1 and isinstance(blocks[0], Paragraph) and "flat list" in blocks[0].text


def test_the_tree_is_shown_with_its_scores(results, flat, named):
    section = tree.section(results)
    figure = named(section, "tree-scores").figure.data[0]
    assert list(figure.ids) == ["A", "A >> x", "B", "A >> y"] and list(figure.parents) == ["", "A", "", "A"]
    assert "A >> y" in named(section, "tree-scores").caption
    depths = named(section, "tree-depths").figure
    assert {bar.name: list(bar.y) for bar in depths.data}["right at this depth"] == [0.6, 0.7]
    captions = " ".join(block.caption for block in flat(section) if hasattr(block, "caption"))
    assert "4 nodes, 3 of them categories, 2 deep" in captions


def test_siblings_and_stops(results, flat):
    frames = [block.frame for block in flat(tree.section(results)) if hasattr(block, "frame")]
    siblings = next(frame for frame in frames if "is taken for" in frame)
    assert siblings.to_numpy().tolist() == [["A", "x", "y", 2.0], ["the root", "B", "A", 1.0]]
    stops = next(frame for frame in frames if "put exactly here" in frame)
    assert stops.to_numpy().tolist() == [["A", 1, 4, 2, 1.0]]
    worst = next(frame for frame in frames if "recall" in frame and "node" in frame)
    assert worst["node"].iloc[0] == "A >> y"


def test_long_paths_keep_their_end():
    assert tree.shown("a" * 100 + "end").endswith("end") and len(tree.shown("a" * 100)) == 80


def test_a_label_of_a_path_is_its_end_where_that_is_its_own():
    long = "Home Decor & Festive Needs >> "
    names = ["Toys", f"{long}Showpieces >> Ethnic and others", f"{long}A >> Wall Decals and all Stickers"]
    found = endings([*names, f"{long}B >> Wall Decals and all Stickers"], 30)
    assert found["Toys"] == "Toys"
    assert found[names[1]].startswith("…") and found[names[1]].endswith("Ethnic and others")
    assert len(found[names[1]]) <= 30
    assert found[names[2]] == names[2]  # another has the same end
