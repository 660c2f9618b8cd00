"""catalogue/near_duplicates.py: pairs and groups, against plain computations and the sample."""

import json
import os
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from aisle.catalogue import cosine_pairs, folds_table, hash_pairs, images, near_duplicates
from aisle.catalogue.columns import CatalogueParams, map_columns
from aisle.catalogue.ingestion import ingest
from aisle.catalogue.picture_files import PictureFolder
from aisle.catalogue.source import read_source
from aisle.catalogue.splits import FoldsParams
from aisle.catalogue.validation import IngestParams, validate
from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import load_params, read_yaml
from tools import all_pairs

FLIPKART = (
    Path(os.environ.get("AISLE_SHARED") or Path(__file__).parents[4] / "shared") / "catalogues/flipkart1050"
)
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
    monkeypatch.setattr(cosine_pairs, "BLOCK", block)
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5)).fit_transform(texts).toarray()
    expected = {
        (i, j): vectors[i] @ vectors[j]
        for i, j in combinations(range(len(texts)), 2)
        if vectors[i] @ vectors[j] >= threshold - 1e-6
    }
    found = near_duplicates.text_pairs(texts, threshold)
    assert len(expected) >= 3
    assert list(zip(found["left"], found["right"], strict=True)) == sorted(expected)
    np.testing.assert_allclose(found["similarity"], [expected[pair] for pair in sorted(expected)], atol=1e-4)
    assert not set(found["left"]) & set(np.flatnonzero(texts.isin(["", "?!"])))


@pytest.mark.parametrize("empty", [[], ["", ""], ["", "?!"]])
def test_no_text_is_in_no_pair(empty):
    assert near_duplicates.text_pairs(pd.Series(empty, dtype=object), 0.8).empty


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("limit", [0, 24, 25, 110])
def test_picture_pairs_are_those_of_a_plain_computation(hashes, monkeypatch, block, limit):
    monkeypatch.setattr(hash_pairs, "BLOCK", block)
    expected = {
        (i, j): distance
        for i, j in combinations(np.flatnonzero(hashes.notna()), 2)
        if (distance := (int(hashes[i], 16) ^ int(hashes[j], 16)).bit_count()) <= limit
    }
    found = near_duplicates.picture_pairs(hashes, limit)
    assert expected
    assert list(zip(found["left"], found["right"], strict=True)) == sorted(expected)
    assert list(found["distance"]) == [expected[pair] for pair in sorted(expected)]


def test_no_picture_is_in_no_pair():
    assert near_duplicates.picture_pairs(pd.Series([None, None], dtype=object), 24).empty


def test_groups_are_transitive_over_both_kinds():
    text = pd.DataFrame({"left": [0, 4], "right": [3, 5]})
    picture = pd.DataFrame({"left": [3], "right": [6]})
    assert near_duplicates.groups(8, text, picture).tolist() == [0, 1, 2, 0, 3, 3, 0, 4]


def test_without_pairs_everything_is_its_own_group():
    none = near_duplicates.picture_pairs(pd.Series([None], dtype=object), 24)
    assert near_duplicates.groups(4, none, none).tolist() == [0, 1, 2, 3]


def test_pairs_of_pictures_are_pairs_of_products():
    """Pictures 0 and 1 are of product 0, 2 and 3 of product 1, 4 of product 2."""
    pairs = pd.DataFrame({"left": [0, 0, 1, 2, 3], "right": [1, 2, 3, 4, 4], "distance": [0, 9, 4, 7, 7]})
    found = near_duplicates.of_products(pairs, np.array([0, 0, 1, 1, 2]))
    assert found.to_numpy().tolist() == [[0, 1, 4], [1, 2, 7]]
    assert near_duplicates.of_products(pairs[:0], np.array([0, 0])).empty


@pytest.fixture(scope="module")
def sample(repo):
    """Return the sample's products with their hashes, and what is planted in it."""
    params = load_params(repo / "params.yaml", "catalogue", CatalogueParams)
    source = read_source(repo / "data/sample/products.csv")
    limits = load_params(repo / "params.yaml", "ingest", IngestParams)
    products, _ = validate(map_columns(source, params), limits, params.category)
    pairs = [
        (key, 0, names[0]) for key, names in zip(products["product_id"], products["pictures"], strict=True)
    ]
    image_params = load_params(repo / "params.yaml", "images", images.ImagesParams)
    rows = images.prepare_all(pairs, PictureFolder(repo / "data/sample/images"), image_params)
    planted = json.loads((repo / "data/sample/planted.json").read_text(encoding="utf-8"))
    return products.assign(phash=[row.get("phash") for row in rows]), planted


def test_the_planted_near_duplicates_are_found_exactly(sample):
    products, planted = sample
    text = near_duplicates.text_pairs(products["description"], 0.8)
    picture = near_duplicates.picture_pairs(products["phash"], 24)

    def found(*tables):
        group = near_duplicates.groups(len(products), *tables)
        members = products.groupby(group)["product_id"].apply(list)
        return sorted(sorted(ids) for ids in members if len(ids) > 1)

    def expected(name):
        return sorted(sorted(ids) for ids in planted[name])

    assert found(text) == expected("near_duplicate_texts")
    assert found(picture) == expected("near_duplicate_pictures")
    assert found(text, picture) == expected("near_duplicate_groups")


def test_the_groups_of_products_with_several_pictures(repo):
    """Product p0 shares one of its pictures with p1 and another with p2; p3 repeats its own."""
    hashes = ["".join(np.random.default_rng(i).choice([*"0123456789abcdef"], 64)) for i in range(60)]
    rows = [(f"p{i}", 0, hashes[i]) for i in range(40)]
    rows += [("p0", 1, hashes[50]), ("p0", 2, hashes[2]), ("p3", 1, hashes[3]), ("p1", 1, hashes[50])]
    images = pd.DataFrame(rows, columns=["product_id", "place", "phash"]).sort_values(["product_id", "place"])
    ids = sorted({key for key, _, _ in rows})
    texts = [f"{each[:9]} {each[20:29]} {each[40:49]}" for each in hashes[:40]]
    products = pd.DataFrame({"product_id": ids, "title": texts, "description": ""})
    products["category"] = ["a", "b"] * 20
    params = load_params(repo / "params.yaml", "folds", FoldsParams)
    folds, pairs, statistics = folds_table.make_folds(products, images, params)
    found = pairs[["product_id_left", "product_id_right", "value"]].to_numpy().tolist()
    assert found == [["p0", "p1", 0], ["p0", "p2", 0]] and statistics["picture_pairs"] == 2
    group = folds.set_index("product_id")["group"]
    assert group["p0"] == group["p1"] == group["p2"] and group.nunique() == 38
    twice = images.assign(place=images["place"].where(images["product_id"] != "p3", 0))
    with pytest.raises(AisleError, match="one row per product and place; it has several for p3"):
        folds_table.make_folds(products, twice, params)


def rows_of(repo: Path, params: CatalogueParams) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a catalogue's products and the hashes of their pictures, as the stages have them."""
    products = ingest(params, load_params(repo / "params.yaml", "ingest", IngestParams)).products
    pairs = [
        (key, place, name)
        for key, names in zip(products["product_id"], products["pictures"], strict=True)
        for place, name in enumerate(names)
    ]
    limits = load_params(repo / "params.yaml", "images", images.ImagesParams)
    prepared = images.prepare_all(pairs, PictureFolder(Path(params.images)), limits)
    table = pd.DataFrame(
        {"product_id": row["product_id"], "place": row["place"], "phash": row.get("phash")}
        for row in prepared
    )
    return products, table


def of_sample(repo: Path) -> CatalogueParams:
    return load_params(repo / "params.yaml", "catalogue", CatalogueParams)


def of_flipkart(repo: Path) -> CatalogueParams:
    if not FLIPKART.is_dir():
        pytest.skip("../shared is not here")
    section = read_yaml(repo / "docs/studies/flipkart1050/catalogue.yaml")["catalogue"]
    places = {"images": str(FLIPKART / "images"), "table": str(FLIPKART / section["table"])}
    return CatalogueParams(**section | {"name": "flipkart1050"} | places)


@pytest.mark.parametrize("given", [of_sample, pytest.param(of_flipkart, marks=pytest.mark.shared)])
def test_a_catalogues_folds_are_those_of_all_pairs_to_the_byte(given, repo, monkeypatch, tmp_path):
    mapping = given(repo)
    monkeypatch.chdir(repo)
    products, pictures = rows_of(repo, mapping)
    params = load_params(repo / "params.yaml", "folds", FoldsParams)

    def written(name: str) -> list[bytes]:
        folds, pairs, statistics = folds_table.make_folds(products, pictures, params)
        tables.write(folds, tmp_path / f"{name}.parquet", "x")
        tables.write_csv(pairs, tmp_path / f"{name}.csv", "x")
        tables.write_metrics(statistics, tmp_path / f"{name}.json", "x")
        assert {*pairs["kind"]} == {"text", "picture"} and statistics["groups_of_several"] > 3
        return [(tmp_path / f"{name}.{suffix}").read_bytes() for suffix in ("parquet", "csv", "json")]

    found = written("found")
    monkeypatch.setattr(near_duplicates, "text_pairs", all_pairs.text_pairs)
    monkeypatch.setattr(near_duplicates, "picture_pairs", all_pairs.picture_pairs)
    assert found == written("expected")
