"""`make study`: the pipeline on another catalogue, beside the repository's own."""

import json
import random
from pathlib import Path

import pytest

pytestmark = pytest.mark.pipeline
ROOT = Path(__file__).parents[2]
FLIPKART = ROOT.parent / "shared/catalogues/flipkart1050"
WORDS = {"lamps": "bulb shade light", "cups": "tea coffee handle", "balls": "kick bounce goal"}


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """Return a folder with a TSV of 60 products, no picture, and its mapping."""
    folder = tmp_path / "corner-shop"
    (folder / "pictures").mkdir(parents=True)
    draw = random.Random(0)
    lines = ["code\tname\tkind\tfile"]
    for number in range(60):
        kind = list(WORDS)[number % 3]
        words = draw.sample([*WORDS[kind].split(), "new", "red", "blue", "small", "large", "gift"], 5)
        lines.append(f"c{number:02}\t{' '.join(words)} {draw.randrange(1000)}\t{kind}\tp{number}.jpg")
    (folder / "products.tsv").write_text("\n".join(lines), encoding="utf-8")
    (folder / "catalogue.yaml").write_text(
        "catalogue:\n"
        "  table: products.tsv\n"
        "  images: pictures\n"
        "  columns: {id: code, title: name, image: file}\n"
        "  category: {column: kind, separator: null}\n"
        "clustering: {n_seeds: 2}\n",
        encoding="utf-8",
    )
    return folder


def test_study_leaves_the_repository_alone_and_is_cached(warm, catalogue):
    """Also: a catalogue without a single picture or description goes through the whole pipeline."""
    results = warm.path / "docs/studies/corner-shop"
    first = warm.run("python", "tools/study.py", str(catalogue)).stdout
    assert "Running stage 'report'" in first
    metrics = json.loads((results / "metrics.json").read_text(encoding="utf-8"))
    headline = metrics["headline"]
    assert (headline["products"], headline["without_picture"], headline["categories"]) == (60, 60, 3)
    assert headline["floor_accuracy_low"] <= headline["floor_accuracy"] <= headline["floor_accuracy_high"]
    assert headline["floor_accuracy"] > 0.6
    models = metrics["models"]
    assert models["descriptors"]["cv_input_share"] == 0
    assert models["late_fusion"]["cv_accuracy"] == models["text_specifications"]["cv_accuracy"]
    assert models["late_fusion"]["products_without_picture"] == 60
    assert models[headline["best_model"]]["cv_accuracy"] == headline["best_accuracy"] > 0.6
    assert headline["floor_model"] == "text_floor"
    assert set(models["text_floor"]["cv_per_class"]) == set(WORDS)
    assert metrics["cluster"]["descriptors"]["ari"] is None
    assert metrics["cluster"]["tfidf"]["ari"] is not None
    readme = (results / "README.md").read_text(encoding="utf-8")
    assert "corner-shop" in readme and "synthetic" not in readme

    second = warm.run("python", "tools/study.py", str(catalogue)).stdout
    assert "Running stage" not in second
    changed = warm.run("git", "status", "--porcelain").stdout.split()
    assert changed == ["??", "docs/studies/corner-shop/"]
    assert warm.repro() == []
    assert not (warm.path / ".studies/corner-shop/.cache").exists()  # the item cache is the repository's


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("products.tsv", "goods.tsv", "goods.tsv"),
        (
            "title: name",
            "title: caption",
            "must have the column(s) caption; it has code, name",
        ),
        ("separator: null", "separator: '/'", "the separator '/' must occur"),
        ("clustering:", "clusterings:", "'clusterings' must be a section of params.yaml"),
    ],
)
def test_a_faulty_catalogue_gives_one_clear_error(warm, catalogue, old, new, message):
    path = catalogue / "catalogue.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    done = warm.run("python", "tools/study.py", str(catalogue), check=False)
    output = done.stdout + done.stderr
    assert "Traceback" not in output
    assert done.returncode == 2 and message in output


def test_folder_without_mapping(warm, tmp_path):
    done = warm.run("python", "tools/study.py", str(tmp_path), check=False)
    assert done.returncode == 2 and "there must be a YAML of column mappings" in done.stderr


@pytest.mark.shared
@pytest.mark.skipif(not FLIPKART.is_dir(), reason="../shared is not here")
def test_real_catalogue_agrees_with_its_committed_figures():
    """The facts that the published study and ../shared state, and the floor's accuracy, as committed."""
    from aisle import catalogue, folds, specifications
    from aisle.params import load_params, read_yaml

    mapping = ROOT / "docs/studies/flipkart1050/catalogue.yaml"
    section = read_yaml(mapping)["catalogue"] | {"images": str(FLIPKART / "images")}
    params = catalogue.CatalogueParams(**section)
    table = catalogue.map_columns(catalogue.read_source(FLIPKART / section["table"]), params)
    products, rejects = catalogue.validate(
        table, load_params(ROOT / "params.yaml", "ingest", catalogue.IngestParams)
    )
    counts = catalogue.counts(table, products, rejects, FLIPKART / "images")
    assert (counts["products"], counts["refused"], counts["without_picture"]) == (1050, 0, 3)
    assert counts["smallest_category"] == counts["largest_category"] == 150
    assert (counts["path_depth_min"], counts["path_depth_max"]) == (2, 7)
    assert (counts["name_words"], counts["without_brand"]) == (7631, 338)
    pairs = folds.text_pairs(products["description"], 0.8)
    assert (len(pairs), len({*pairs["left"], *pairs["right"]})) == (510, 232)
    values = [pair for text in products["specifications"] for pair in specifications.loads(text)]
    assert values.count(("Type", "Analog")) == 123
    assert sum(key == "Type" for key, _ in values) == 728
    committed = json.loads((mapping.parent / "metrics.json").read_text(encoding="utf-8"))["headline"]
    assert {key: counts[key] for key in ("products", "refused", "without_picture", "name_words")} == {
        key: committed[key] for key in ("products", "refused", "without_picture", "name_words")
    }
    assert 0.925 <= committed["floor_accuracy"] <= 0.96
