"""docs/study_map.md: no figure or table of the study is missing, and each stands where the page says."""

import html
import re
from pathlib import Path

import pytest

from aisle.pipeline.params import read_yaml

REPO = Path(__file__).parents[1]
TEXT = (REPO / "docs/study_map.md").read_text(encoding="utf-8")
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith("| of the study")]
NAMED = """\
specification keys; specification values; radial chart of specifications; category tree; class balance;
text lengths; prices; brands; missing values; picture sizes; brightness, contrast, sharpness, background;
sample pictures; near-duplicates; preprocessing example; words before and after; word clouds of bag of
words and tf-idf; word clouds of each category; term distributions; tf-idf against counts; bag of words;
tf-idf; word2vec; bert; universal sentence encoder; sift and orb; lbp, glcm, gabor; vgg16; clip; text and
picture together; by ari; vgg16 against clip; transfer learning curves; base against augmented against
fine-tuned; confusion matrices; each category; backbones; several seeds; right and wrong examples;
grad-cam; zero-shot; fusion networks; fusion against single modalities; mlflow; calibration, risk and
coverage; probably wrong; leakage; shap"""
"""What the issues name of the study."""
PARAMS = read_yaml(REPO / "params.yaml")
STUDY = read_yaml(REPO / "docs/studies/flipkart1050/catalogue.yaml")
WITHOUT_WEIGHTS = {
    name for name, entry in read_yaml(REPO / "weights.yaml")["weights"].items() if entry["source"] == "absent"
}
ELSEWHERE = {
    name for section in ("feature_sets", "fine_tunes") for name in {*STUDY[section]} - {*PARAMS[section]}
} | WITHOUT_WEIGHTS
"""Models that the built-in catalogue's report has no figure of: they are the study's alone."""


def test_every_item_has_a_row_with_a_place():
    first = [row.split("|")[1].lower() for row in ROWS]
    for item in re.split(r";\s+", NAMED):
        assert any(" ".join(item.split()) in cell for cell in first), item
    assert all("`#" in row for row in ROWS if "---" not in row and row != "| what | in the report |")


@pytest.fixture(scope="module")
def page():
    path = REPO / "reports/index.html"
    if not path.exists():
        pytest.skip("the report is not here: run `make repro`")
    text = path.read_text(encoding="utf-8")
    if "sample (synthetic)" not in text:
        pytest.skip("the report is not the built-in catalogue's")
    return text


def test_every_anchor_is_on_the_page(page):
    wanted = set(re.findall(r"`#([^`]+)`", TEXT)) - {"name"}
    missing = wanted - set(re.findall(r'\bid="([^"]+)"', page))
    missing = {
        anchor for anchor in missing if not any(re.search(rf"-{name}(_\w+)?$", anchor) for name in ELSEWHERE)
    }
    assert len(wanted) > 100 and not missing, sorted(missing)


def test_every_table_is_in_its_section(page):
    """By a part of its caption; a section ends where the next begins."""
    starts = {name: page.index(f'id="{name}"') for name in re.findall(r'<section[^>]*\bid="([^"]+)"', page)}
    places = re.findall(r"`#([a-z]+)` “([^”]+)”", TEXT)
    assert len(places) > 15
    for name, caption in places:
        end = min([start for start in starts.values() if start > starts[name]], default=len(page))
        there = caption in html.unescape(page[starts[name] : end])
        assert there or any(model.lower() in caption.lower() for model in ELSEWHERE), (name, caption)
