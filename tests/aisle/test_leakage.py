"""aisle/leakage.py: what is planted is suspected, what is natural is not."""

import numpy as np
import pandas as pd
import pytest

from aisle import leakage
from aisle.errors import AisleError
from aisle.leakage import LeakageParams

PARAMS = LeakageParams(
    models={"floor": {"classifier": "text_linear", "input": "data/text.parquet"}},
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


def test_the_name_of_one_category_is_natural_and_of_most_is_not():
    plain = {"Home Decor & More": "home", "Mugs": "mug", "Watches": "fine watches here"}
    rows, found = leakage.category_names(texts([plain[name] for name in CATEGORY]), CATEGORY, PARAMS)
    assert not found["name_suspected"] and found["name_description"] == pytest.approx(1 / 3)
    assert rows.set_index("item")["suspected"].sum() == 1
    assert rows.set_index("item").loc["description: Watches", ["value", "reference"]].tolist() == [1, 0]
    plain["Mugs"] = "all mugs"
    assert leakage.category_names(texts([plain[name] for name in CATEGORY]), CATEGORY, PARAMS)[1][
        "name_suspected"
    ]


@pytest.mark.parametrize("field", leakage.FIELDS)
def test_the_category_in_any_field_is_suspected_punctuation_or_not(field):
    names = {"Home Decor & More": "a home decor more b", "Mugs": "mugs", "Watches": "watches"}
    rows, found = leakage.category_names(
        texts(**{field: [names[name] for name in CATEGORY]}), CATEGORY, PARAMS
    )
    assert found["name_suspected"] and found[f"name_{field}"] == 1 and found[f"name_{field}_other"] == 0
    assert rows.loc[rows["suspected"], "item"].tolist() == [f"{field}: {name}" for name in sorted(names)]


def test_a_part_of_a_word_is_not_a_name_and_a_name_that_all_have_tells_nothing():
    rows, found = leakage.category_names(texts(["smugs watchesque"] * 30), CATEGORY, PARAMS)
    assert not rows["value"].any() and not found["name_suspected"]
    rows, found = leakage.category_names(texts(["mugs watches home decor more"] * 30), CATEGORY, PARAMS)
    assert not found["name_suspected"]
    assert found["name_description"] == found["name_description_other"] == 1


def test_the_expected_share_is_that_of_a_random_product_of_another_category():
    """Mugs are 10 of 20 others for Watches, of which half have the word."""
    has = ["mugs" if i >= 20 and i % 2 else "thing" for i in range(30)]
    found = leakage.category_names(texts(has), CATEGORY, PARAMS)[1]
    assert found["name_description"] == 0
    assert found["name_description_other"] == pytest.approx(5 * 0.5 / 30)


def test_a_leaf_in_the_text_is_natural_and_the_whole_path_is_not():
    leaf = [f"nice leaf {i}" for i in range(30)]
    rows, found = leakage.category_paths(texts(leaf), PATH, PARAMS)
    shares = rows.set_index("item")["value"]
    assert shares["description: level 3"] == 1 and shares["description: level 1"] == 0
    assert not found["path_suspected"] and found["path_share"] == 0
    whole = [f"x {path.lower().replace(' >>', '').replace(' &', '')} y" for path in PATH]
    found = leakage.category_paths(texts(specifications=[*whole[:2], *leaf[2:]]), PATH, PARAMS)[1]
    assert found["path_suspected"] and found["path_share"] == pytest.approx(2 / 30)


def test_a_path_of_one_level_is_no_path():
    found = leakage.category_paths(texts([name.lower() for name in CATEGORY]), CATEGORY, PARAMS)[1]
    assert found["path_share"] == 0


def test_one_word_that_tells_most_categories_is_suspected():
    code = {"Home Decor & More": "qa", "Mugs": "qb", "Watches": "qc"}
    rows, found = leakage.single_words(texts([code[name] for name in CATEGORY]), CATEGORY, SPLIT, PARAMS)
    assert found == {"word_f1": 1, "word_categories": 1, "word_suspected": True}
    assert dict(zip(rows["item"], rows["word"], strict=True)) == code
    code["Mugs"] = code["Home Decor & More"] = "thing"
    found = leakage.single_words(texts([code[name] for name in CATEGORY]), CATEGORY, SPLIT, PARAMS)[1]
    assert not found["word_suspected"] and found["word_categories"] == pytest.approx(1 / 3)


def test_the_word_is_chosen_on_train_and_measured_on_test():
    own = CATEGORY == "Mugs"
    words = np.select([own & (part == SPLIT) for part in ("train", "test")], ["onlytrain", "onlytest"], "x")
    rows = leakage.single_words(texts(list(words)), CATEGORY, SPLIT, PARAMS)[0].set_index("item")
    assert rows.loc["Mugs", ["word", "value", "reference"]].tolist() == ["onlytrain", 0, 1]


FOLDS = pd.DataFrame(
    {
        "product_id": list("abcd"),
        "split": ["train", "train", "test", "test"],
        "cv_0": [0, 0, 1, 1],
        "cv_1": [0, 0, 1, 0],
    }
)


def pairs(*of):
    left, right = zip(*of, strict=True)
    return pd.DataFrame({"product_id_left": left, "product_id_right": right, "kind": "text"})


def test_duplicates_in_one_fold_are_fine_and_across_folds_are_counted():
    rows, found = leakage.across_folds(pairs("ab"), FOLDS, PARAMS)
    assert found == {"pairs": 1, "pairs_across_folds": 0, "duplicates_suspected": False}
    rows, found = leakage.across_folds(pairs("ab", "cd"), FOLDS, PARAMS)
    assert found == {"pairs": 2, "pairs_across_folds": 1, "duplicates_suspected": True}
    assert rows.set_index("item")["value"].to_dict() == {"text: split": 0, "text: cv_0": 0, "text: cv_1": 1}
    assert leakage.across_folds(pairs("bc"), FOLDS, PARAMS)[0].set_index("item").loc["text: split", "value"]


def test_no_pairs_are_none_across_and_an_unknown_product_is_named():
    assert leakage.across_folds(pairs("ab")[:0], FOLDS, PARAMS)[1]["pairs_across_folds"] == 0
    with pytest.raises(AisleError, match="z"):
        leakage.across_folds(pairs("az"), FOLDS, PARAMS)


def test_identical_values_are_paired_with_the_first_and_nothing_is_no_value():
    found = leakage.identical(pd.Series(["x", "", "x", None, "", "x"]), pd.Series(list("abcdef")), "kind")
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
    rows, found = leakage.optimism({"floor": compared(0.05), "other": compared(0)}, PARAMS)
    assert found["optimism_suspected"] and rows["suspected"].tolist() == [True, False]
    assert found["optimism_floor"] == pytest.approx(0.05, abs=0.01)
    assert found["optimism_floor_low"] < found["optimism_floor"] < found["optimism_floor_high"]
    assert not leakage.optimism({"other": compared(0)}, PARAMS)[1]["optimism_suspected"]


def test_a_model_without_weights_has_no_row():
    rows, found = leakage.optimism({"floor": compared(0)[:0]}, PARAMS)
    assert rows.empty and found == {"optimism_suspected": False}
