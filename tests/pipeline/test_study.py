"""`make study`: the pipeline on another catalogue, beside the repository's own."""

import csv
import json
import random
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

pytestmark = pytest.mark.pipeline
ROOT = Path(__file__).parents[2]
FLIPKART = ROOT.parent / "shared/catalogues/flipkart1050"
STUDY = "python tools/study.py "
TUTORIAL = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
WORDS = {"lamps": "bulb shade light", "cups": "tea coffee handle", "balls": "kick bounce goal"}


@pytest.fixture
def catalogue(warm) -> Path:
    """Return the folder that the tutorial makes of a shop's export: 75 products without a picture.

    15 of them have no category; each has a second row with a second picture's address.
    """
    draw = random.Random(0)
    header = ["Handle", "Title", "Body (HTML)", "Vendor", "Product Category", "Variant Price", "Image Src"]
    rows = [header]
    for number in range(75):
        kind = list(WORDS)[number % 3]
        words = draw.sample([*WORDS[kind].split(), "new", "red", "blue", "small", "large", "gift"], 5)
        category = f"Shop > {kind} > more" if number % 5 else ""
        handle, title = f"p-{number:03}", f"{' '.join(words)} {draw.randrange(1000)}"
        picture = f"https://cdn.example.com/{handle}"
        rows.append([handle, title, "", "Acme", category, "1.299,00", f"{picture}.jpg?v=1"])
        rows.append([handle, "", "", "", "", "", f"{picture}_2.jpg?v=1"])
    with (warm.path / "products_export.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return warm.path / "my-shop"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", TUTORIAL, re.DOTALL)


def follow(copy, catalogue: Path) -> list[str]:
    """Do what the tutorial says; return what each of its lines prints."""
    lines = [line for block in blocks("bash") for line in block.replace("\\\n", " ").splitlines()]
    said = [copy.run("bash", "-c", line).stdout for line in lines[:2]]
    (yaml,) = blocks("yaml")
    without = yaml.replace("preset: shopify", "preset: shopify\n  columns: {image: null}")
    (catalogue / "catalogue.yaml").write_text(without, encoding="utf-8")
    return said + [
        copy.run("bash", "-c", line.replace("make study CATALOGUE=", STUDY)).stdout for line in lines[2:]
    ]


def test_the_tutorial(warm, catalogue):
    """Also: a catalogue without a single picture or description goes through the whole pipeline."""
    before = warm.run("git", "rev-parse", "HEAD").stdout
    said = follow(warm, catalogue)
    results = warm.path / "docs/studies/my-shop"
    assert "150 records are 75 products" in said[2] and "15 products have no category" in said[2]
    workspace = warm.path / ".studies/my-shop"
    unlabelled = pd.read_csv(workspace / "data/predicted.csv")
    assert list(unlabelled["product_id"]) == [f"p-{number:03}" for number in range(0, 75, 5)]
    right = [f"Shop >> {list(WORDS)[int(name[2:]) % 3]}" for name in unlabelled["product_id"]]
    assert (unlabelled["predicted_category"] == right).mean() > 0.6
    predicted = pd.read_csv(warm.path / "predicted.csv", dtype=str)
    assert len(predicted) == 150 and list(predicted["Handle"][:2]) == ["p-000", "p-000"]

    metrics = json.loads((results / "metrics.json").read_text(encoding="utf-8"))
    headline = metrics["headline"]
    assert (headline["products"], headline["without_picture"], headline["categories"]) == (75, 75, 3)
    assert (
        headline["baseline_accuracy_low"]
        <= headline["baseline_accuracy"]
        <= headline["baseline_accuracy_high"]
    )
    assert headline["baseline_accuracy"] > 0.6
    models = metrics["models"]
    assert models["descriptors"]["cv_input_share"] == 0
    assert models["late_fusion"]["cv_accuracy"] == models["text_specifications"]["cv_accuracy"]
    assert models["late_fusion"]["products_without_picture"] == 60
    assert models[headline["best_model"]]["cv_accuracy"] == headline["best_accuracy"] > 0.6
    assert headline["baseline_model"] == "text_baseline"
    assert set(models["text_baseline"]["cv_per_class"]) == {f"Shop >> {kind}" for kind in WORDS}
    assert metrics["cluster"]["descriptors"]["ari"] is None
    assert metrics["cluster"]["tfidf"]["ari"] is not None
    readme = (results / "README.md").read_text(encoding="utf-8")
    assert "my-shop" in readme and "synthetic" not in readme

    second = warm.run("python", "tools/study.py", "my-shop").stdout
    assert "Running stage" not in second
    changed = warm.run("git", "diff", "--name-only", before.strip(), "HEAD").stdout.split()
    assert changed and all(name.startswith("docs/studies/my-shop/") for name in changed)
    assert warm.repro() == []
    assert not (workspace / ".cache").exists()  # the item cache is the repository's


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("products_export.csv", "goods.csv", "goods.csv"),
        ("shopify", "shopware", "preset must be one of shopify, woocommerce"),
        ("{level: 2}", "{level: 1}", "catalogue.category.level: 2 gives 3"),
        ("{level: 2}", "{level: 2, separator: '/'}", "the separator '/' must occur"),
        ("catalogue:", "clusterings: 1\ncatalogue:", "'clusterings'"),
    ],
)
def test_a_faulty_catalogue_gives_one_clear_error(warm, catalogue, old, new, message):
    catalogue.mkdir()
    shutil.copyfile(warm.path / "products_export.csv", catalogue / "products_export.csv")
    (catalogue / "images").mkdir()
    (yaml,) = blocks("yaml")
    (catalogue / "catalogue.yaml").write_text(yaml.replace(old, new), encoding="utf-8")
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
    """The facts that the published study and ../shared state, and the baseline's accuracy, as committed."""
    from aisle.catalogue import near_duplicates, specifications
    from aisle.catalogue.columns import CatalogueParams
    from aisle.catalogue.ingestion import ingest
    from aisle.catalogue.validation import IngestParams
    from aisle.pipeline.params import load_params, read_yaml

    mapping = ROOT / "docs/studies/flipkart1050/catalogue.yaml"
    section = read_yaml(mapping)["catalogue"]
    places = {"images": str(FLIPKART / "images"), "table": str(FLIPKART / section["table"])}
    found = ingest(
        CatalogueParams(**section | places), load_params(ROOT / "params.yaml", "ingest", IngestParams)
    )
    products, counts = found.products, found.counts
    assert (counts["products"], counts["refused"], counts["without_picture"]) == (1050, 0, 3)
    assert counts["smallest_category"] == counts["largest_category"] == 150
    assert (counts["path_depth_min"], counts["path_depth_max"]) == (2, 7)
    assert (counts["name_words"], counts["without_brand"]) == (7631, 338)
    pairs = near_duplicates.text_pairs(products["description"], 0.8)
    assert (len(pairs), len({*pairs["left"], *pairs["right"]})) == (510, 232)
    values = [pair for text in products["specifications"] for pair in specifications.loads(text)]
    assert values.count(("Type", "Analog")) == 123
    assert sum(key == "Type" for key, _ in values) == 728
    committed = json.loads((mapping.parent / "metrics.json").read_text(encoding="utf-8"))["headline"]
    assert {key: counts[key] for key in ("products", "refused", "without_picture", "name_words")} == {
        key: committed[key] for key in ("products", "refused", "without_picture", "name_words")
    }
    assert 0.925 <= committed["baseline_accuracy"] <= 0.96
