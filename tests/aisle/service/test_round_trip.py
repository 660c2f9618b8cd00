"""From products without a category to a better model that answers: queue, review, labels.csv, ingest.

By the library's functions on a catalogue of texts; `dvc repro` does the same with the pipeline's stages.
"""

import csv
import re
import shutil
import time

import numpy as np
import pytest
from sqlalchemy import func, select

from aisle.catalogue.columns import CatalogueParams
from aisle.catalogue.ingestion import ingest
from aisle.catalogue.text_forms import clean
from aisle.catalogue.validation import IngestParams
from aisle.deployment import packaging
from aisle.models import model_folder
from aisle.models.classifiers.registry import ClassifierParams, create
from aisle.representations.recipes import TextRecipe
from aisle.service import labels
from aisle.service.settings import Review as ReviewSettings
from aisle.service.settings import Settings
from aisle.service.store.tables import Review
from tests.aisle.service.conftest import IMAGES

KNOWN = {
    "Clocks": [
        "dial",
        "quartz",
        "alarm",
        "pendulum",
        "chime",
        "hour",
        "minute",
        "winder",
        "mantel",
        "cuckoo",
    ],
    "Lamps": ["bulb", "shade", "glow", "lumen", "dimmer", "socket", "halogen", "torchere", "sconce", "beam"],
    "Mugs": ["coffee", "tea", "handle", "saucer", "ceramic", "espresso", "cocoa", "sip", "brew", "porcelain"],
}
UNLABELLED, UNSEEN = 90, 150


def products(n, seed):
    """Return products of a shop: two words of their category's ten, and two of all."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(n):
        category = list(KNOWN)[i % 3]
        words = [
            *rng.choice(KNOWN[category], 2, replace=False),
            *rng.choice(["gift", "home", "steel", "red"], 2),
        ]
        found.append({"id": f"{seed}-{i}", "title": " ".join(rng.permutation(words)), "truth": category})
    return found


def build(folder, judgements):
    """Ingest the catalogue with labels, learn, and write the package; return how many were learned."""
    params = CatalogueParams(
        name="shop", table=str(folder / "shop.csv"), images=str(folder),
        columns={"id": "id", "title": "title"}, category={"column": "category"},
    )  # fmt: skip
    table = ingest(
        params, IngestParams(max_refused_share=0.1, min_category_size=5), None, judgements
    ).products
    known = table[table["category"].notna()]
    texts = np.array([clean(title) for title in known["title"]], object)
    options = {"fields": ["title"], "form": "clean", "min_df": 1}
    entry = ClassifierParams(title="", classifier="text_linear", input="", options=options)
    fitted = create(entry).estimator().fit(texts, known["category"].to_numpy(str))
    recipe = TextRecipe(fields=["title"], form="clean")
    model = model_folder.SavedModel(
        "words", "Words", list(fitted.classes_), [1 / 3] * 3, "none", recipe, estimator=fitted
    )
    shutil.rmtree(folder / "models", ignore_errors=True)
    model_folder.write(model, folder / "models/words")
    decision = {"temperature": 1.0, "threshold": 0.999, "guaranteed_bound": 0.05, "target_error": 0.05,
                "confidence": 0.95}  # fmt: skip
    target = folder / "packages/champion"
    about = folder / "models", folder / "none", target, "shop", {}, IMAGES, decision
    packaging.assemble("words", *about, columns={"title": "title"})
    return len(known)


@pytest.fixture
def shop(tmp_path):
    """Return a folder with a catalogue: 15 products with a category, 90 without."""
    rows = products(15, 1) + [row | {"category": ""} for row in products(UNLABELLED, 2)]
    with (tmp_path / "shop.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["id", "title", "category"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows({"category": row["truth"]} | row for row in rows)
    (tmp_path / "labels.csv").write_text("product_id,category_path,who,when,why\n", encoding="utf-8")
    return tmp_path


def accuracy(client):
    unseen = products(UNSEEN, 3)
    answer = client.post(
        "/v1/classify", json={"products": [{"title": row["title"]} for row in unseen]}
    ).json()
    right = [one["category"] == row["truth"] for one, row in zip(answer["predictions"], unseen, strict=True)]
    return float(np.mean(right)), answer["model"]["digest"]


def review_all(client, truth):
    """Answer every question as somebody would who knows; return how many there were."""
    text, n = client.get("/review").text, 0
    while 'name="review"' in text:
        form = {name: re.search(rf'name="{name}" value="([^"]+)"', text)[1] for name in ("token", "review")}
        own = re.search(r'<p class="hint">([^<\s]+)', text)[1]
        others = re.findall(
            r'name="together" value="(\w+)".*?<span class="hint">([^<]+)</span>', text, re.DOTALL
        )
        same = [review for review, product in others if truth[product] == truth[own]]
        form |= {"category": truth[own], "together": same} | ({"grouped": "1"} if others else {})
        text, n = client.post("/review", data=form).text, n + 1
    return n


def test_what_people_said_makes_a_better_model_that_answers(shop, serve):
    assert build(shop, shop / "labels.csv") == 15
    settings = Settings(
        packages=shop / "packages",
        database=f"sqlite:///{shop}/service.db",
        watch=0,
        review=ReviewSettings(second=0.0),
    )
    client = serve(settings)
    engine = client.app.state.service.engine
    before, digest = accuracy(client)
    waiting = [{"id": row["id"], "title": row["title"]} for row in products(UNLABELLED, 2)]
    assert client.post("/v1/classify", json={"products": waiting}).status_code == 200
    end = time.monotonic() + 20
    with engine.connect() as connection:
        while connection.execute(select(func.count()).select_from(Review)).scalar() < UNLABELLED:
            assert time.monotonic() < end
            time.sleep(0.05)
    asked = review_all(client, {row["id"]: row["truth"] for row in products(UNLABELLED, 2)})
    assert 0 < asked <= UNLABELLED
    added, total = labels.write(engine, shop / "labels.csv")
    assert added == total == UNLABELLED
    assert build(shop, shop / "labels.csv") == 15 + UNLABELLED
    assert client.post("/v1/models/reload").json()["outcome"] == "swapped"
    after, other = accuracy(client)
    assert other != digest and after > before + 0.05, (before, after)
