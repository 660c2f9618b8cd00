"""aisle/folds.py: near-duplicate pairs and groups, the hold-out split and the folds."""

import json
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from sklearn.feature_extraction.text import TfidfVectorizer

from aisle import catalogue, folds, images, predictions
from aisle.errors import AisleError
from aisle.params import load_params

PARAMS = folds.FoldsParams(seed=20, n_splits=5, n_repeats=3, text_similarity=0.8, picture_distance=24)
BLOCKS = [3, 7, 10, 1024]


@pytest.fixture(scope="module")
def texts():
    """Return 30 texts, some of them nearly the same, two empty."""
    rng = np.random.default_rng(3)
    words = ["".join(rng.choice(list("abcdefgh"), 6)) for _ in range(60)]
    made = [" ".join(rng.choice(words, 12)) for _ in range(20)]
    made += [made[i] + " " + rng.choice(words) for i in (0, 3, 3, 7)] + [made[9]] * 2
    made += ["", "", "?!", "b c"]
    return pd.Series([made[i] for i in rng.permutation(len(made))])


@pytest.fixture(scope="module")
def hashes():
    """Return 30 hexadecimal hashes of 256 bits, some near each other, three missing."""
    rng = np.random.default_rng(4)
    bits = rng.integers(0, 2, (30, 256), np.uint8)
    for copy, original, changed in ((5, 2, 24), (11, 2, 10), (17, 8, 25), (29, 0, 0), (20, 11, 20)):
        bits[copy] = bits[original]
        bits[copy, rng.choice(256, changed, False)] ^= 1
    made = pd.Series([np.packbits(row).tobytes().hex() for row in bits], dtype=object)
    made[[4, 13, 28]] = None
    return made


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("threshold", [0.3, 0.8, 1.0])
def test_text_pairs_are_those_of_a_plain_computation(texts, monkeypatch, block, threshold):
    monkeypatch.setattr(folds, "BLOCK", block)
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5)).fit_transform(texts).toarray()
    expected = {
        (i, j): vectors[i] @ vectors[j]
        for i, j in combinations(range(len(texts)), 2)
        if vectors[i] @ vectors[j] >= threshold - 1e-6
    }
    found = folds.text_pairs(texts, threshold)
    assert len(expected) >= 3
    assert list(zip(found["left"], found["right"], strict=True)) == sorted(expected)
    np.testing.assert_allclose(found["similarity"], [expected[pair] for pair in sorted(expected)], atol=1e-4)
    assert not set(found["left"]) & set(np.flatnonzero(texts.isin(["", "?!"])))


@pytest.mark.parametrize("empty", [[], ["", ""], ["", "?!"]])
def test_no_text_is_in_no_pair(empty):
    assert folds.text_pairs(pd.Series(empty, dtype=object), 0.8).empty


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("limit", [0, 24, 25, 110])
def test_picture_pairs_are_those_of_a_plain_computation(hashes, monkeypatch, block, limit):
    monkeypatch.setattr(folds, "BLOCK", block)
    expected = {
        (i, j): distance
        for i, j in combinations(np.flatnonzero(hashes.notna()), 2)
        if (distance := (int(hashes[i], 16) ^ int(hashes[j], 16)).bit_count()) <= limit
    }
    found = folds.picture_pairs(hashes, limit)
    assert expected
    assert list(zip(found["left"], found["right"], strict=True)) == sorted(expected)
    assert list(found["distance"]) == [expected[pair] for pair in sorted(expected)]


def test_no_picture_is_in_no_pair():
    assert folds.picture_pairs(pd.Series([None, None], dtype=object), 24).empty


def test_groups_are_transitive_over_both_kinds():
    text = pd.DataFrame({"left": [0, 4], "right": [3, 5]})
    picture = pd.DataFrame({"left": [3], "right": [6]})
    assert folds.groups(8, text, picture).tolist() == [0, 1, 2, 0, 3, 3, 0, 4]


def test_without_pairs_everything_is_its_own_group():
    none = folds.picture_pairs(pd.Series([None], dtype=object), 24)
    assert folds.groups(4, none, none).tolist() == [0, 1, 2, 3]


@pytest.fixture(scope="module")
def products():
    """Return 300 products in 4 categories, one of them rare."""
    category = np.repeat(["a", "b", "c", "rare"], [100, 100, 80, 20])
    return pd.DataFrame({"product_id": [f"p{i:03d}" for i in range(300)], "category": category})


@pytest.fixture(scope="module")
def grouped():
    """Return groups: pairs of neighbours among the first 100, a large group, two that cross categories."""
    group = np.arange(300)
    group[1:100:2] = group[0:99:2]
    group[110:120] = 110
    group[205], group[290] = 4, 150
    return pd.factorize(group)[0]


def test_groups_are_never_split(products, grouped):
    table = folds.make(products, grouped, PARAMS)
    for column in ("split", *predictions.repeats(table)):
        assert table.groupby("group")[column].nunique().max() == 1
    assert predictions.repeats(table) == ["cv_0", "cv_1", "cv_2"]


def test_the_hold_out_is_60_20_20_and_stratified(products, grouped):
    table = folds.make(products, grouped, PARAMS)
    for part, share in (("train", 0.6), ("validation", 0.2), ("test", 0.2)):
        assert table["split"].eq(part).mean() == pytest.approx(share, abs=0.03)
        within = table.groupby("category")["split"].apply(lambda values, part=part: (values == part).mean())
        assert within.to_numpy() == pytest.approx(share, abs=0.08)


def test_the_folds_are_stratified_and_every_product_is_tested_once(products, grouped):
    table = folds.make(products, grouped, PARAMS)
    for column in predictions.repeats(table):
        assert sorted(table[column].unique()) == [0, 1, 2, 3, 4]
        shares = pd.crosstab(table[column], table["category"], normalize="columns")
        assert shares.to_numpy() == pytest.approx(0.2, abs=0.08)


def test_repeats_and_seeds_differ_and_the_same_seed_does_not(products, grouped):
    table = folds.make(products, grouped, PARAMS)
    assert not table["cv_0"].equals(table["cv_1"]) and not table["cv_1"].equals(table["cv_2"])
    pd.testing.assert_frame_equal(folds.make(products, grouped, PARAMS), table)
    other = folds.make(products, grouped, PARAMS.model_copy(update={"seed": 50}))
    assert not other["split"].equals(table["split"]) and not other["cv_0"].equals(table["cv_0"])
    assert (other[["product_id", "category", "group"]] == table[["product_id", "category", "group"]]).all(
        axis=None
    )


def test_a_category_with_too_few_groups_is_named(products):
    group = np.arange(300)
    group[284:] = 284  # 'rare' is 280 to 299: five groups
    folds.make(products, group, PARAMS)
    group[283:] = 283
    with pytest.raises(AisleError) as error:
        folds.make(products, group, PARAMS)
    assert "'rare' has 4" in str(error.value) and "folds.text_similarity" in str(error.value)


@pytest.mark.parametrize("n_splits", [3, 4, 10])
def test_other_numbers_of_folds(products, grouped, n_splits):
    table = folds.make(products, grouped, PARAMS.model_copy(update={"n_splits": n_splits, "n_repeats": 1}))
    assert table["cv_0"].nunique() == n_splits
    assert predictions.repeats(table) == ["cv_0"]


def test_counts(products, grouped):
    table = folds.make(products, grouped, PARAMS)
    pairs = pd.DataFrame({"left": [0], "right": [1]})
    found = folds.counts(table, pairs, pairs.iloc[:0])
    assert found["groups"] == 300 - 50 - 9 - 2
    assert found["groups_of_several"] == 50 + 1 + 1
    assert found["products_in_groups_of_several"] == 101 + 10 + 2
    assert found["largest_group"] == 10
    assert found["groups_across_categories"] == 2
    assert (found["text_pairs"], found["picture_pairs"]) == (1, 0)
    assert found["train_share"] + found["validation_share"] + found["test_share"] == pytest.approx(1)


@pytest.fixture(scope="module")
def sample(repo):
    """Return the sample's products with their hashes, and what is planted in it."""
    params = load_params(repo / "params.yaml", "catalogue", catalogue.CatalogueParams)
    source = catalogue.read_source(repo / "data/sample/products.csv")
    limits = load_params(repo / "params.yaml", "ingest", catalogue.IngestParams)
    products, _ = catalogue.validate(catalogue.map_columns(source, params), limits)
    pairs = list(zip(products["product_id"], products["image"], strict=True))
    image_params = load_params(repo / "params.yaml", "images", images.ImagesParams)
    rows = images.prepare_all(pairs, repo / "data/sample/images", image_params)
    planted = json.loads((repo / "data/sample/planted.json").read_text(encoding="utf-8"))
    return products.assign(phash=[row.get("phash") for row in rows]), planted


def test_the_planted_near_duplicates_are_found_exactly(sample):
    products, planted = sample
    text = folds.text_pairs(products["description"], 0.8)
    picture = folds.picture_pairs(products["phash"], 24)

    def found(*tables):
        group = folds.groups(len(products), *tables)
        members = products.groupby(group)["product_id"].apply(list)
        return sorted(sorted(ids) for ids in members if len(ids) > 1)

    def expected(name):
        return sorted(sorted(ids) for ids in planted[name])

    assert found(text) == expected("near_duplicate_texts")
    assert found(picture) == expected("near_duplicate_pictures")
    assert found(text, picture) == expected("near_duplicate_groups")


def test_there_are_three_folds_at_least():
    """With two, no inner fold is left to fit temperatures, weights and thresholds on."""
    with pytest.raises(ValidationError, match="n_splits"):
        folds.FoldsParams(**PARAMS.model_dump() | {"n_splits": 2})
