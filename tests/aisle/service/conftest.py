"""A package of text and picture, made in a moment, services that serve it, and databases of each kind."""

import base64
import io
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sqlalchemy import text
from starlette.testclient import TestClient

from aisle.deployment import packaging
from aisle.deployment.packaging import Package
from aisle.deployment.predictor import RawProducts
from aisle.models import decision_fusion, model_folder
from aisle.models.classifiers.registry import ClassifierParams, create
from aisle.pipeline.params import read_yaml
from aisle.representations import recipes
from aisle.service import app, state
from aisle.service.settings import Limits, Settings
from aisle.service.store import database
from tools.postgres_server import Server, binaries

CATEGORIES = ["Home >> Clocks", "Home >> Lamps", "Mugs"]
WORDS = dict(zip(CATEGORIES, ("dial quartz alarm", "bulb shade glow", "coffee tea handle"), strict=True))
TINTS = dict(zip(CATEGORIES, ((200, 60, 60), (60, 200, 60), (60, 60, 200)), strict=True))
IMAGES = read_yaml(Path(__file__).parents[3] / "params.yaml")["images"]
TEXT = recipes.TextRecipe(fields=["title", "description"], form="clean")
SEEN = recipes.VectorRecipe(modality="image", encoder="descriptors", weights="none", learned=False)
HOME = "http://localhost"
DECISION = {
    "temperature": 0.8,
    "threshold": 0.6,
    "guaranteed_bound": 0.05,
    "threshold_depth_1": 0.7,
    "threshold_depth_2": 0.99,
    "target_error": 0.05,
    "confidence": 0.95,
    "by_fields": {"title": {"threshold": 0.8}, "title + description": {"threshold": None}},
}


def picture(category: str, seed: int, side: int = 40, kind: str = "PNG") -> bytes:
    """Return a noisy picture of a category's tint."""
    noise = np.random.default_rng(seed).integers(-50, 51, (side, side, 3))
    pixels = np.clip(np.array(TINTS[category]) + noise, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def products(n: int, seed: int = 0) -> list[dict]:
    """Return raw products of every sort: whole, without some fields, with several or damaged pictures."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(n):
        category = CATEGORIES[rng.integers(3)]
        words = rng.choice([*WORDS[category].split(), "gift", "home", "steel", "red"], 4)
        one = {"title": " ".join(words[:2]), "description": f"<p>{' '.join(words)}</p> item{i}"}
        one |= {"image": picture(category, i)}
        match rng.integers(9):
            case 0:
                one["image"] = None
            case 1:
                one = {"title": one["title"]}
            case 2:
                one["image"] = b"no picture"
            case 3:
                one["image"] = [picture(category, i), picture(category, i + 1000, 30, "JPEG")]
            case 4:
                one = {"image": one["image"]}
            case 5 if i % 2:
                one = {}
        found.append(one)
    return found


def as_sent(product: dict) -> dict:
    """Return a raw product as JSON has it."""
    images = product.get("image")
    if images is None:
        return {key: value for key, value in product.items() if key != "image"}
    listed = [base64.b64encode(each).decode() for each in (images if isinstance(images, list) else [images])]
    return product | {"image": listed if isinstance(images, list) else listed[0]}


def learned() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return texts, vectors of pictures and categories of some products."""
    rows = [each for each in products(60, 1) if "title" in each and isinstance(each.get("image"), bytes)]
    rows = [each for each in rows if each["image"] != b"no picture"]
    nothing = Package("", "", None, "", "none", [], [], {}, IMAGES)
    raw = RawProducts(pd.DataFrame(rows, dtype=object), nothing)
    texts = np.array(raw.texts(TEXT.fields, TEXT.form), object)
    y = [next(name for name in CATEGORIES if _of(each, name)) for each in rows]
    return texts, raw.vectors(SEEN, None), np.array(y)


def write_models(folder: Path, C: float, data: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """Write a model of words, one of pictures, and the vote of both."""
    texts, vectors, y = data
    about = CATEGORIES, [0.5, 0.3, 0.2], "none"
    options = {"fields": TEXT.fields, "form": "clean", "C": C}
    entry = ClassifierParams(title="", classifier="text_linear", input="", options=options)
    fitted = {
        "words": (TEXT, create(entry).estimator().fit(texts, y)),
        "eyes": (SEEN, make_pipeline(StandardScaler(), LogisticRegression()).fit(vectors, y)),
    }
    for name, (recipe, estimator) in fitted.items():
        model = model_folder.SavedModel(name, name, *about, recipe, estimator=estimator)
        model_folder.write(model, folder / name)
    vote = model_folder.SavedModel(
        "both", "Both", *about, members=[*fitted], estimator=decision_fusion.Vote()
    )
    model_folder.write(vote, folder / "both")


def _of(product: dict, category: str) -> bool:
    mean = np.asarray(Image.open(io.BytesIO(product["image"]))).mean(axis=(0, 1))
    return int(mean.argmax()) == CATEGORIES.index(category)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    if (programs := binaries()) is None:
        pytest.skip("Debian's PostgreSQL is not installed: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="aisle-pg-"))  # short: a socket's path has 107 bytes at most
    try:
        found = Server(programs, folder)
        found.start()
        yield found
        found.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """Return the URL of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/service.db"
    found = request.getfixturevalue("server").url
    with database.connect(found).begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
    return found


@pytest.fixture(scope="session")
def two_packages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return two packages of one kind that answer differently."""
    root, data = tmp_path_factory.mktemp("service"), learned()
    made = []
    for name, C in (("first", 1.0), ("second", 100.0)):
        write_models(root / name, C, data)
        target, columns = root / "packages" / name, {"title": "name"}
        about = root / name, root / "none", target, "tiny", {}, IMAGES, DECISION
        packaging.assemble("both", *about, columns=columns)
        made.append(target)
    return made[0], made[1]


@pytest.fixture(scope="session")
def pristine(two_packages: tuple[Path, Path]) -> Path:
    """Return a package that no test writes."""
    return two_packages[0]


@pytest.fixture
def packages(two_packages: tuple[Path, Path], tmp_path: Path) -> Path:
    """Return a folder packages/ of this test's own, with a champion."""
    shutil.copytree(two_packages[0], tmp_path / "packages/champion")
    return tmp_path / "packages"


@pytest.fixture
def settings(packages: Path, tmp_path: Path) -> Settings:
    """Return settings of a service of this test's own."""
    return Settings(packages=packages, database=f"sqlite:///{tmp_path}/service.db", watch=0)


@pytest.fixture
def serve():
    """Return a function that starts a service and gives a client of it; all are stopped at the end."""
    clients: list[TestClient] = []

    def start(settings: Settings, **limits: float) -> TestClient:
        own = replace(settings, limits=replace(settings.limits, **limits))
        client = TestClient(app.create(state.make(own)), HOME, raise_server_exceptions=False)
        clients.append(client.__enter__())
        return clients[-1]

    yield start
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture(scope="module")
def client(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Return a client of a service that the tests of a file share."""
    own = Settings(
        model=str(pristine),
        database=f"sqlite:///{tmp_path_factory.mktemp('store')}/service.db",
        watch=0,
        limits=Limits(),
    )
    with TestClient(app.create(state.make(own)), HOME, raise_server_exceptions=False) as found:
        yield found


@pytest.fixture(scope="session")
def make_picture():
    """Return the function that draws a picture of a category."""
    return picture


@pytest.fixture(scope="session")
def make_products():
    """Return the function that makes raw products of every sort."""
    return products


@pytest.fixture(scope="session")
def sent():
    """Return the function that writes a raw product as JSON has it."""
    return as_sent
