"""tools/make_catalogue.py: same bytes, a prefix of any larger one, learnable, what is planted is found."""

import io
import sys

import imagehash
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from aisle.catalogue import near_duplicates
from aisle.catalogue.columns import CatalogueParams
from aisle.catalogue.ingestion import ingest
from aisle.catalogue.validation import IngestParams
from aisle.pipeline.params import check, read_yaml
from tools import make_catalogue
from tools.measured import measured
from tools.scale.shop import BLOCK

PRODUCTS, FEW = BLOCK + 404, 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a catalogue of two blocks with pictures, one of a few products, and that again."""
    output = tmp_path_factory.mktemp("made")
    for name, products in (("many", PRODUCTS), ("few", FEW), ("again", FEW)):
        make_catalogue.write(output / name, products, 5, pictures=True)
    return output


@pytest.fixture(scope="module")
def products(folder):
    return pd.read_parquet(folder / "many" / "products.parquet")


@pytest.fixture(scope="module")
def planted(folder):
    return pd.read_parquet(folder / "many" / "planted.parquet")


def test_the_same_bytes_each_time_and_others_of_another_seed(folder, tmp_path):
    for name in ("products.parquet", "planted.parquet", "catalogue.yaml"):
        assert (folder / "few" / name).read_bytes() == (folder / "again" / name).read_bytes()
    make_catalogue.write(tmp_path, FEW, 6, pictures=False)
    texts = [pd.read_parquet(each / "products.parquet")["title"] for each in (folder / "few", tmp_path)]
    assert not texts[0].isin(texts[1]).any()


def test_a_smaller_catalogue_is_the_beginning_of_a_larger_one(folder, products, planted, tmp_path):
    few = pd.read_parquet(folder / "few" / "products.parquet")
    pd.testing.assert_frame_equal(few, products.head(FEW))
    known = pd.read_parquet(folder / "few" / "planted.parquet")
    pd.testing.assert_frame_equal(known, planted.head(len(known)))
    assert {*known["id"], *known["original"].dropna()} <= {*few["id"]}
    make_catalogue.write(tmp_path, FEW, 5, pictures=False)  # without pictures the texts are the same
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "products.parquet"), few.drop(columns="image"))
    assert {*pd.read_parquet(tmp_path / "planted.parquet")["kind"]} == {"text", "label"}


def test_ids_are_distinct_and_tell_nothing_of_the_order(products):
    assert products["id"].is_unique
    place = products["id"].rank().to_numpy()
    assert abs(np.corrcoef(place, np.arange(PRODUCTS))[0, 1]) < 0.05


def test_the_tree_has_three_levels_and_a_long_tail(products):
    paths = products["category"].dropna()
    assert paths.str.count(" >> ").eq(2).all()
    sizes = paths.value_counts()
    assert sizes.iloc[0] > 0.1 * PRODUCTS and sizes.iloc[len(sizes) // 2] < 0.01 * PRODUCTS


def test_texts_tell_the_category_but_not_always(products):
    known = products[products["category"].map(products["category"].value_counts()) >= 60]
    model = make_pipeline(TfidfVectorizer(min_df=2), LogisticRegression(C=10))
    texts = known["title"] + " " + known["description"]
    learn, test, labels, truth = train_test_split(texts, known["category"], random_state=0)
    accuracy = model.fit(learn, labels).score(test, truth)
    assert 0.6 < accuracy < 0.95
    assert truth.value_counts(normalize=True).iloc[0] < 0.4


def test_pictures_tell_the_second_level_better_than_chance(products):
    there = products[products["category"].notna() & products["image"].notna()].head(2000)
    pictures = [opened(each["bytes"]) for each in there["image"]]
    good = [each is not None for each in pictures]
    assert 0 < good.count(False) < 20  # some are cut
    colours = np.array([np.asarray(each).mean((0, 1)) for each in pictures if each is not None])
    level = there["category"][good].str.rsplit(" >> ", n=1).str[0]
    learn, test, labels, truth = train_test_split(colours, level, random_state=0)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=10))
    assert model.fit(learn, labels).score(test, truth) > truth.value_counts(normalize=True).iloc[0] + 0.2


def opened(content):
    """Return a picture, None if it is cut."""
    try:
        picture = Image.open(io.BytesIO(content))
        picture.load()
        return picture
    except OSError:
        return None


def pairs(planted, kind):
    """Return the planted pairs of a kind, and these with those of copies of one original."""
    facts = planted[planted["kind"] == kind]
    same = facts.merge(facts, on="original")
    found = {frozenset(pair) for pair in facts[["id", "original"]].to_numpy()}
    return found, found | {frozenset(pair) for pair in same[["id_x", "id_y"]].to_numpy()}


def found(table, products):
    ids = products["id"].to_numpy()
    return {frozenset(pair) for pair in ids[table[["left", "right"]].to_numpy(int)]}


def test_planted_texts_are_found_and_few_others(products, planted):
    texts = products["description"].where(products["description"] != "", products["title"])
    near = found(near_duplicates.text_pairs(texts, 0.8), products)
    planted_pairs, linked = pairs(planted, "text")
    assert len(planted_pairs) > 0.05 * PRODUCTS
    assert len(near & planted_pairs) >= 0.99 * len(planted_pairs)
    assert len(near - linked) <= 0.01 * len(near)


def test_planted_pictures_are_found_and_few_others(products, planted):
    pictures = [each and opened(each["bytes"]) for each in products["image"]]
    hashes = pd.Series([each and str(imagehash.phash(each, hash_size=16)) for each in pictures], dtype=object)
    near = found(near_duplicates.picture_pairs(hashes, 24), products)
    planted_pairs, linked = pairs(planted, "picture")
    assert len(planted_pairs) > 0.03 * PRODUCTS
    assert len(near & planted_pairs) >= 0.99 * len(planted_pairs)
    assert len(near - linked) <= 0.01 * len(near)


def test_wrong_labels_are_told(products, planted):
    wrong = planted[planted["kind"] == "label"].merge(products, on="id")
    assert len(wrong) > 0.01 * PRODUCTS
    assert (wrong["path"] != wrong["category"]).all()


def test_the_pipeline_reads_it(folder, monkeypatch):
    monkeypatch.chdir(folder / "few")
    params = check(read_yaml("catalogue.yaml")["catalogue"], CatalogueParams, "catalogue.yaml")
    made = ingest(params, IngestParams(max_refused_share=0.05, min_category_size=15))
    assert len(made.products) == FEW and made.rejects.empty
    assert len(made.embedded) == pd.read_parquet("products.parquet")["image"].notna().sum()
    assert made.products["price"].notna().mean() > 0.9 and made.products["date"].notna().all()


def test_memory_does_not_grow_with_the_products(tmp_path):
    few, many = (
        measured(make_catalogue.write, tmp_path / str(blocks), blocks * BLOCK, 0, False)
        for blocks in (12, 40)
    )
    assert many.peak_mb < few.peak_mb + 25  # kept as Arrow's tables, the blocks between take 50


def test_a_number_that_makes_no_catalogue_is_told(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["make_catalogue", "--products", "0"])
    with pytest.raises(SystemExit):
        make_catalogue.cli.run(make_catalogue.main)
    assert "--products must be 1 to" in capsys.readouterr().err
