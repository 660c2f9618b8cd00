"""evaluation/leakage/: what is planted is suspected, what is natural is not."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from aisle.evaluation.leakage.base import COLUMNS, FIELDS, Evidence, LeakageParams
from aisle.evaluation.leakage.checks import CHECKS, DATA, run
from aisle.evaluation.leakage.duplicates import across_folds, duplicates, identical
from aisle.evaluation.leakage.names_in_text import category_names, category_paths
from aisle.evaluation.leakage.optimism import optimism
from aisle.evaluation.leakage.single_word import single_words
from aisle.pipeline.errors import AisleError

PARAMS = LeakageParams(
    models=["baseline"],
    confidence=0.95,
    max_optimism=0.005,
    max_pairs=0,
    name_excess=0.5,
    max_path_share=0.01,
    word_f1=0.9,
    max_categories=0.5,
)
CATEGORY = pd.Series(np.repeat(["Home Decor & More", "Mugs", "Watches"], 10))
PATH = CATEGORY + " >> Sub >> " + pd.Series([f"Leaf {i}" for i in range(30)])
SPLIT = pd.Series(["train", "train", "train", "validation", "test"] * 6)


def texts(description=None, title=None, specifications=None):
    """Return the clean fields; what is not given is the same word for all."""
    fields = {"description": description, "title": title, "specifications": specifications}
    return pd.DataFrame(
        {f"{name}_clean": ["thing"] * 30 if value is None else value for name, value in fields.items()}
    )


def evidence(fields=None, path=PATH, accuracies=None):
    """Return evidence of 30 products whose pictures and descriptions are all different to the eye."""
    ids = pd.Series([f"p{i:02d}" for i in range(30)])
    fields = texts() if fields is None else fields
    return Evidence(
        pd.DataFrame({"product_id": ids, "category": CATEGORY, "category_path": path}),
        fields.assign(product_id=ids),
        pd.DataFrame({"product_id": ids, "sha256": ids, "phash": ids}),
        pd.DataFrame({"product_id": ids, "split": SPLIT, "cv_0": np.arange(30) % 3}),
        pd.DataFrame({"product_id_left": [], "product_id_right": [], "kind": []}, dtype=object),
        accuracies or {},
    )


def look(check, fields=None, **others):
    """Return the rows and the figures of one check."""
    finding = check(evidence(fields, **others), PARAMS)
    return finding.rows, finding.figures


def test_the_name_of_one_category_is_natural_and_of_most_is_not():
    plain = {"Home Decor & More": "home", "Mugs": "mug", "Watches": "fine watches here"}
    rows, found = look(category_names, texts([plain[name] for name in CATEGORY]))
    assert not found["name_suspected"] and found["name_description"] == pytest.approx(1 / 3)
    assert rows.set_index("item")["suspected"].sum() == 1
    assert rows.set_index("item").loc["description: Watches", ["value", "reference"]].tolist() == [1, 0]
    plain["Mugs"] = "all mugs"
    assert look(category_names, texts([plain[name] for name in CATEGORY]))[1]["name_suspected"]


@pytest.mark.parametrize("field", FIELDS)
def test_the_category_in_any_field_is_suspected_punctuation_or_not(field):
    names = {"Home Decor & More": "a home decor more b", "Mugs": "mugs", "Watches": "watches"}
    rows, found = look(category_names, texts(**{field: [names[name] for name in CATEGORY]}))
    assert found["name_suspected"] and found[f"name_{field}"] == 1 and found[f"name_{field}_other"] == 0
    assert rows.loc[rows["suspected"], "item"].tolist() == [f"{field}: {name}" for name in sorted(names)]


def test_a_part_of_a_word_is_not_a_name_and_a_name_that_all_have_tells_nothing():
    rows, found = look(category_names, texts(["smugs watchesque"] * 30))
    assert not rows["value"].any() and not found["name_suspected"]
    rows, found = look(category_names, texts(["mugs watches home decor more"] * 30))
    assert not found["name_suspected"]
    assert found["name_description"] == found["name_description_other"] == 1


def test_the_expected_share_is_that_of_a_random_product_of_another_category():
    """Mugs are 10 of 20 others for Watches, of which half have the word."""
    has = ["mugs" if i >= 20 and i % 2 else "thing" for i in range(30)]
    found = look(category_names, texts(has))[1]
    assert found["name_description"] == 0
    assert found["name_description_other"] == pytest.approx(5 * 0.5 / 30)


def test_a_leaf_in_the_text_is_natural_and_the_whole_path_is_not():
    leaf = [f"nice leaf {i}" for i in range(30)]
    rows, found = look(category_paths, texts(leaf))
    shares = rows.set_index("item")["value"]
    assert shares["description: level 3"] == 1 and shares["description: level 1"] == 0
    assert not found["path_suspected"] and found["path_share"] == 0
    whole = [f"x {path.lower().replace(' >>', '').replace(' &', '')} y" for path in PATH]
    found = look(category_paths, texts(specifications=[*whole[:2], *leaf[2:]]))[1]
    assert found["path_suspected"] and found["path_share"] == pytest.approx(2 / 30)


def test_a_path_of_one_level_is_no_path():
    found = look(category_paths, texts([name.lower() for name in CATEGORY]), path=CATEGORY)[1]
    assert found["path_share"] == 0


def test_one_word_that_tells_most_categories_is_suspected():
    code = {"Home Decor & More": "qa", "Mugs": "qb", "Watches": "qc"}
    rows, found = look(single_words, texts([code[name] for name in CATEGORY]))
    assert found == {"word_f1": 1, "word_categories": 1, "word_suspected": True}
    assert dict(zip(rows["item"], rows["word"], strict=True)) == code
    code["Mugs"] = code["Home Decor & More"] = "thing"
    found = look(single_words, texts([code[name] for name in CATEGORY]))[1]
    assert not found["word_suspected"] and found["word_categories"] == pytest.approx(1 / 3)


def test_the_word_is_chosen_on_train_and_measured_on_test():
    own = CATEGORY == "Mugs"
    words = np.select([own & (part == SPLIT) for part in ("train", "test")], ["onlytrain", "onlytest"], "x")
    rows = look(single_words, texts(list(words)))[0].set_index("item")
    assert rows.loc["Mugs", ["word", "value", "reference"]].tolist() == ["onlytrain", 0, 1]


FOLDS = pd.DataFrame(
    {
        "product_id": list("abcd"),
        "split": ["train", "train", "test", "test"],
        "cv_0": [0, 0, 1, 1],
        "cv_1": [0, 0, 1, 0],
    }
)


def of_four(*pairs, descriptions="wxyz", digests="1234", hashes="5678"):
    """Return evidence of four products, of which some are pairs of near-duplicates."""
    left, right = zip(*pairs, strict=True) if pairs else ((), ())
    ids = FOLDS["product_id"]
    return Evidence(
        pd.DataFrame({"product_id": ids, "category": "a"}),
        pd.DataFrame({"product_id": ids, "description_clean": list(descriptions)}),
        pd.DataFrame({"product_id": ids, "sha256": list(digests), "phash": [*hashes]}),
        FOLDS,
        pd.DataFrame({"product_id_left": left, "product_id_right": right, "kind": "text"}, dtype=object),
        {},
    )


def test_duplicates_in_one_fold_are_fine_and_across_folds_are_counted():
    finding = across_folds(of_four("ab"), PARAMS)
    assert finding.figures == {"pairs": 1, "pairs_across_folds": 0, "duplicates_suspected": False}
    finding = across_folds(of_four("ab", "cd"), PARAMS)
    assert finding.figures == {"pairs": 2, "pairs_across_folds": 1, "duplicates_suspected": True}
    across = finding.rows.set_index("item")["value"].to_dict()
    kind = "near-duplicate text"
    assert across == {f"{kind}: split": 0, f"{kind}: cv_0": 0, f"{kind}: cv_1": 1}
    rows = across_folds(of_four("bc"), PARAMS).rows.set_index("item")
    assert rows.loc[f"{kind}: split", "value"]


def test_what_is_identical_is_looked_up_though_no_pair_names_it():
    rows = across_folds(of_four(descriptions="wxyw"), PARAMS).rows.set_index("item")
    assert rows["value"].to_dict() == dict.fromkeys(
        (f"identical description: {column}" for column in ("split", "cv_0")), 1
    ) | {"identical description: cv_1": 0}
    assert across_folds(of_four(digests="1231"), PARAMS).figures["pairs_across_folds"] == 1
    blank = [*"567", None]
    assert across_folds(of_four(digests="1231", hashes=blank), PARAMS).figures["pairs"] == 0


def test_no_pairs_are_none_across_and_an_unknown_product_is_named():
    assert across_folds(of_four(), PARAMS).figures["pairs_across_folds"] == 0
    with pytest.raises(AisleError, match="z"):
        across_folds(of_four("az"), PARAMS)


def test_identical_values_are_paired_with_the_first_and_nothing_is_no_value():
    found = identical(pd.Series(["x", "", "x", None, "", "x"]), pd.Series(list("abcdef")), "kind")
    assert list(zip(found["product_id_left"], found["product_id_right"], strict=True)) == [
        ("a", "c"),
        ("a", "f"),
    ]


def compared(gain):
    rng = np.random.default_rng(0)
    grouped = 0.8 + rng.normal(0, 0.005, 15)
    free = grouped + gain + rng.normal(0, 0.005, 15)
    return pd.DataFrame(
        {
            "repeat": np.repeat(range(3), 5),
            "fold": [*range(5)] * 3,
            "accuracy_grouped": grouped,
            "accuracy_ungrouped": free,
        }
    )


def test_optimism_is_suspected_if_it_is_more_than_chance():
    rows, found = look(optimism, accuracies={"baseline": compared(0.05), "other": compared(0)})
    assert found["optimism_suspected"] and rows["suspected"].tolist() == [True, False]
    assert found["optimism_baseline"] == pytest.approx(0.05, abs=0.01)
    assert found["optimism_baseline_low"] < found["optimism_baseline"] < found["optimism_baseline_high"]
    assert not look(optimism, accuracies={"other": compared(0)})[1]["optimism_suspected"]


def test_a_model_without_weights_has_no_row():
    rows, found = look(optimism, accuracies={"baseline": compared(0)[:0]})
    assert rows.empty and found == {"optimism_suspected": False}


# ---------------------------------------------------------------------------------------------- all together


def test_every_check_has_one_signature_and_gives_rows_figures_and_a_verdict():
    for check in CHECKS:
        finding = check(evidence(accuracies={"baseline": compared(0)}), PARAMS)
        assert set(finding.rows) <= set(COLUMNS) and {"check", "item", "value"} <= set(finding.rows), check
        assert len([name for name in finding.figures if name.endswith("_suspected")]) == 1, check


def test_the_table_of_all_checks_has_their_rows_in_order():
    given = evidence(
        texts(description=[f"thing {i}" for i in range(30)]), accuracies={"baseline": compared(0.05)}
    )
    table, figures = run(given, PARAMS)
    assert list(table) == COLUMNS
    assert list(table["check"].unique()) == [
        "category_name",
        "category_path",
        "single_word",
        "ungrouped_folds",
    ]
    assert figures["optimism_suspected"] and not figures["suspected"]  # that is of another study's folds
    assert next(iter(figures)) == "suspected" and set(DATA) < set(figures)


def test_tables_are_joined_by_product_and_others_are_named():
    given = evidence(texts(description=[f"thing {i}" for i in range(30)]))
    shuffled = dataclasses.replace(
        given, **{name: getattr(given, name).sample(frac=1, random_state=1) for name in ("texts", "folds")}
    )
    pd.testing.assert_frame_equal(run(shuffled, PARAMS)[0], run(given, PARAMS)[0])
    for name in ("texts", "images", "folds"):
        with pytest.raises(AisleError, match="p07"):
            run(dataclasses.replace(given, **{name: getattr(given, name).drop(7)}), PARAMS)


def test_a_text_that_many_share_and_two_pictures_of_one_product_are_no_duplicates():
    ids = [f"p{i}" for i in range(12)]
    folds = pd.DataFrame({"product_id": ids, "split": ["train", "test"] * 6, "cv_0": [0, 1] * 6})
    clean = ["no description"] * 6 + ["own words", "own words", "a", "b", "c", "d"]
    pictures = pd.DataFrame(
        [("p0", 0, "x"), ("p0", 1, "x"), ("p1", 0, "y"), ("p2", 0, "z"), ("p2", 1, "y")],
        columns=["product_id", "place", "sha256"],
    )
    rest = pd.DataFrame({"product_id": ids[3:], "place": 0, "sha256": None})
    evidence = Evidence(
        pd.DataFrame({"product_id": ids, "category": "a"}),
        pd.DataFrame({"product_id": ids, "description_clean": clean}),
        pd.concat([pictures, rest], ignore_index=True).assign(phash="f"),
        folds,
        pd.DataFrame({"product_id_left": [], "product_id_right": [], "kind": []}, dtype=object),
        {},
        0.4,
    )
    assert evidence.aligned().shared_text == 0.4
    found = duplicates(evidence).to_numpy().tolist()
    assert found == [["p1", "p2", "identical picture"], ["p6", "p7", "identical description"]]
    everything = duplicates(dataclasses.replace(evidence, shared_text=1.0))
    assert everything["kind"].eq("identical description").sum() == 6
