"""The sample catalogue: its script reproduces the committed bytes, and planted.json tells the truth."""

import csv
import json
import subprocess
import sys
from collections import Counter
from itertools import combinations
from pathlib import Path

import cv2
import imagehash
import numpy as np
import pytest
from PIL import Image
from skimage.feature import hog
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "sample"
FOLDS = StratifiedGroupKFold(5, shuffle=True, random_state=0)


@pytest.fixture(scope="module")
def planted():
    return json.loads((SAMPLE / "planted.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def lines():
    """Return the rows of the file by source line, the header being line 1."""
    with (SAMPLE / "products.csv").open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        return dict((reader.line_num, row) for row in reader)


@pytest.fixture(scope="module")
def products(lines, planted):
    """Return the rows that remain when the refused lines are left out, by id."""
    refused = {*planted["duplicate_id_lines"], *planted["empty_product"], *planted["bad_category_path"]}
    return {row["id"]: row for line, row in lines.items() if line not in refused}


@pytest.fixture(scope="module")
def categories(products):
    return np.array([path(row)[0] for row in products.values()])


@pytest.fixture(scope="module")
def groups(products, planted):
    """Return a number for each product, the same within a near-duplicate group."""
    first = {member: group[0] for group in planted["near_duplicate_groups"] for member in group}
    ids = list(products)
    return np.array([ids.index(first.get(identifier, identifier)) for identifier in ids])


@pytest.fixture(scope="module")
def pictures(products, planted):
    broken = {*planted["missing_picture"], *planted["truncated_picture"]}
    found = {}
    for identifier, row in products.items():
        if identifier not in broken:
            with Image.open(SAMPLE / "images" / row["image"]) as picture:
                picture.load()
                found[identifier] = picture
    return found


def path(row):
    (text,) = json.loads(row["category_path"])
    return text.split(" >> ")


def pairs(groups):
    return {frozenset(pair) for group in groups for pair in combinations(group, 2)}


def test_script_reproduces_the_committed_bytes(tmp_path):
    script = ROOT / "tools" / "make_sample_catalogue.py"
    for _ in range(2):  # the second run replaces the first one's files
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / "images" / "aisle-sample-9999.jpg").write_bytes(b"left over")
        subprocess.run([sys.executable, script, "--output", tmp_path], check=True)
    made, committed = (
        {
            file.relative_to(folder).as_posix(): file.read_bytes()
            for file in folder.rglob("*")
            if file.is_file()
        }
        for folder in (tmp_path, SAMPLE)
    )
    assert sorted(made) == sorted(committed)
    assert [name for name in made if made[name] != committed[name]] == []
    assert sum(map(len, committed.values())) < 5_000_000


def test_table_has_seven_balanced_shuffled_categories(lines, products, categories, planted):
    assert ",".join(lines[2]) == "id,title,category_path,description,brand,price,image,specifications"
    assert len(lines) == (SAMPLE / "products.csv").read_bytes().count(b"\n") - 1  # one row, one line
    assert len(products) == planted["expected_products"] == 210
    assert len(lines) - len(products) == planted["expected_refused"] == 3
    assert all(row["id"].startswith("aisle-sample-") for row in lines.values())
    assert sorted(Counter(categories).values()) == [30] * 7
    assert np.count_nonzero(categories[1:] == categories[:-1]) < 60  # 203 in blocks, 29 expected by chance
    levels = {tuple(path(row)) for row in products.values()}
    assert {len(level) for level in levels} == {2}
    assert set(Counter(top for top, _ in levels).values()) <= {2, 3}


def test_fields_have_the_gaps_and_the_noise_of_a_real_catalogue(products):
    rows = list(products.values())
    words = [len(row["description"].split()) for row in rows]
    assert min(words) >= 20
    assert max(words) <= 80
    assert 50 <= sum(row["brand"] == "" for row in rows) <= 90
    assert 2 <= sum(row["price"] == "" for row in rows) <= 15
    logs = np.log([float(row["price"]) for row in rows if row["price"]])
    assert 0.6 < logs.std() < 1.0
    assert abs(logs.mean() - np.median(logs)) < 0.2  # the logarithm is symmetric
    shops = {brand: set() for brand in {row["brand"] for row in rows}}
    for row in rows:
        shops[row["brand"]].add(path(row)[0])
    assert all(len(found) > 1 for found in shops.values())  # no brand gives its category away
    kinds = Counter(row["specifications"][:24] for row in rows)
    assert kinds[""] >= 5
    assert sum(row["specifications"] == '{"product_specification"=>nil}' for row in rows) >= 5
    assert any('[{"value"=>' in s or ', {"value"=>' in s for s in (row["specifications"] for row in rows))
    texts = " ".join(row["description"] for row in rows)
    assert all(token in texts for token in ("<p>", "<br/>", "&amp;", "&nbsp;", "!!", "½", "\u2013"))


def test_refused_rows_have_one_defect_each(lines, products, planted):
    (identifier,), (second,) = planted["duplicate_id"], planted["duplicate_id_lines"]
    occurrences = [line for line, row in lines.items() if row["id"] == identifier]
    assert len(occurrences) == 2
    assert max(occurrences) == second
    assert lines[second]["title"] != products[identifier]["title"]
    (untitled,), (misfiled,) = planted["empty_product"], planted["bad_category_path"]
    assert [line for line, row in lines.items() if not row["title"]] == [untitled]
    assert [line for line, row in lines.items() if not all(path(row))] == [misfiled]
    ids = Counter(row["id"] for row in lines.values())
    assert [found for found, count in ids.items() if count > 1] == [identifier]


def test_picture_files_are_small_varied_jpegs_but_for_the_planted_two(products, pictures, planted):
    (missing,), (truncated,) = planted["missing_picture"], planted["truncated_picture"]
    assert not (SAMPLE / "images" / products[missing]["image"]).exists()
    with pytest.raises(OSError, match="truncated"):
        Image.open(SAMPLE / "images" / products[truncated]["image"]).load()
    assert len(pictures) == 208
    assert {picture.format for picture in pictures.values()} == {"JPEG"}
    assert not any(picture.getexif() or "comment" in picture.info for picture in pictures.values())
    longest = [max(picture.size) for picture in pictures.values()]
    assert min(longest) >= 160 * 0.9  # the planted copies are a little smaller
    assert max(longest) <= 320
    assert len({picture.size for picture in pictures.values()}) > 100


def test_near_duplicate_groups_are_apart_from_the_other_defects(products, planted):
    texts, shots = planted["near_duplicate_texts"], planted["near_duplicate_pictures"]
    assert (len(texts), len(shots)) == (6, 3)
    assert sorted(planted["near_duplicate_groups"]) == sorted(texts + [g for g in shots if g not in texts])
    assert len([group for group in shots if group not in texts]) == 1
    members = [member for group in planted["near_duplicate_groups"] for member in group]
    assert len(members) == len(set(members))
    assert {len(group) for group in texts} == {2, 3, 4}
    keys = ("missing_picture", "truncated_picture", "duplicate_id")
    others = [*planted["wrong_labels"], *(identifier for key in keys for identifier in planted[key])]
    assert set(others).isdisjoint(members)
    assert len(others) == len(set(others)) == 8
    assert all(
        len({path(products[member])[0] for member in g}) == 1 for g in planted["near_duplicate_groups"]
    )


def test_only_planted_descriptions_are_alike(products, planted):
    ids = list(products)
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
    vectors = vectorizer.fit_transform([row["description"] for row in products.values()])
    cosine = (vectors @ vectors.T).toarray()
    alike = pairs(planted["near_duplicate_texts"])
    inside = [cosine[i, j] for i, j in combinations(range(len(ids)), 2) if {ids[i], ids[j]} in alike]
    outside = [cosine[i, j] for i, j in combinations(range(len(ids)), 2) if {ids[i], ids[j]} not in alike]
    assert len(inside) == len(alike)
    assert min(inside) >= 0.9
    assert max(outside) < 0.7
    assert len({row["description"] for row in products.values()}) == len(ids)


def test_only_planted_pictures_are_alike(pictures, planted):
    small = {identifier: imagehash.phash(picture, hash_size=8) for identifier, picture in pictures.items()}
    large = {identifier: imagehash.phash(picture, hash_size=16) for identifier, picture in pictures.items()}
    alike = pairs(planted["near_duplicate_pictures"])
    assert max(small[a] - small[b] for a, b in alike) <= 2
    assert max(large[a] - large[b] for a, b in alike) <= 24
    assert min(large[a] - large[b] for a, b in combinations(large, 2) if {a, b} not in alike) > 24


def test_text_tells_most_categories_and_every_wrong_label(products, categories, groups, planted):
    texts = [f"{row['title']} {row['description']}" for row in products.values()]
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(max_iter=2000))
    predicted = cross_val_predict(model, texts, categories, groups=groups, cv=FOLDS)
    assert 0.85 <= np.mean(predicted == categories) <= 0.97
    assert len(planted["wrong_labels"]) == 5
    guesses = dict(zip(products, predicted, strict=True))
    assert {identifier: guesses[identifier] for identifier in planted["wrong_labels"]} == planted[
        "wrong_labels"
    ]
    assert all(path(products[i])[0] != true for i, true in planted["wrong_labels"].items())


def test_pictures_tell_many_categories_but_not_all(pictures, products, categories, groups):
    def describe(picture):
        pixels = np.asarray(picture.convert("RGB").resize((128, 128)))
        hsv = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)
        colours = cv2.calcHist([hsv], [0, 1, 2], None, [8, 4, 4], [0, 180, 0, 256, 0, 256]).ravel()
        edges = hog(pixels, pixels_per_cell=(32, 32), cells_per_block=(2, 2), channel_axis=-1)
        return np.concatenate([np.sqrt(colours / colours.sum()), edges])

    features = np.array([describe(picture) for picture in pictures.values()])
    kept = np.array([identifier in pictures for identifier in products])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
    predicted = cross_val_predict(model, features, categories[kept], groups=groups[kept], cv=FOLDS)
    assert 0.5 <= np.mean(predicted == categories[kept]) <= 0.9
