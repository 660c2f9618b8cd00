"""Encoding against the frameworks, in turns: MiniLM's texts a second, and pictures a second from JPEG files.

Texts: sentence-transformers' `encode` at its defaults, ours in each precision that the processor has, and
what that does to accuracy and adjusted Rand index. Pictures: the networks of models/pretrained/ by the
pipeline's encoder, and the same architectures by timm with a DataLoader of two workers, and by Keras'
`predict` on `image_dataset_from_directory`, each at batches of 32. The frameworks' weights are random: the
speed does not depend on them. Each way runs in a process of its own, since TensorFlow and torch do not get
along; a first batch is not counted.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score

from aisle.catalogue import near_duplicates
from aisle.models.classifiers.registry import ClassifierParams
from aisle.models.classifiers.registry import create as create_classifier
from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import load_params
from aisle.pretrained.runtime import precisions
from aisle.representations import cluster_study, text_vectors
from aisle.representations.encoders import registry
from tools import bench_encoders
from tools.measured import measured
from tools.scale.near_duplicates import REAL, SHARED, SIMILARITY

TEXTS, PICTURES, ROUNDS = 120, 320, 3
BATCH = 32
"""Of timm and Keras: what both take where nobody says another."""
IMAGES, TREE = "flipkart1050/images", "product_category_tree"
PEERS = {
    "efficientnet_lite0": {"timm": "tf_efficientnet_lite0"},
    "mobilenet_v2": {"timm": "mobilenetv2_100", "keras": "MobileNetV2"},
}
"""Entry of params.yaml to the same architecture's name in the other libraries."""
Encode = Callable[[Path], int]
"""Encodes the pictures of a folder; returns how many vectors there are."""


def aisle(name: str) -> Encode:
    """Return the pipeline's encoder."""
    root = bench_encoders.ROOT
    entry = load_params(root / "params.yaml", f"encoders.image.{name}", registry.EncoderParams)
    encoder = registry.create("image", entry, root / "models/pretrained" / name)

    def encode(folder: Path) -> int:
        return len(
            encoder.transform(np.asarray(Image.open(file).convert("RGB")) for file in folder.iterdir())
        )

    return encode


def timm(name: str) -> Encode:
    """Return timm's model of this name, fed by a DataLoader."""
    import timm as library
    import torch
    from timm.data import ImageDataset, create_transform, resolve_data_config

    model = library.create_model(name, num_classes=0).eval()
    transform = create_transform(**resolve_data_config({}, model=model))

    def encode(folder: Path) -> int:
        data = ImageDataset(str(folder), transform=transform, class_map={"": 0})
        loader = torch.utils.data.DataLoader(data, batch_size=BATCH, num_workers=2)
        with torch.inference_mode():
            return sum(len(model(pictures)) for pictures, _ in loader)

    return encode


def keras(name: str) -> Encode:
    """Return Keras' model of this name, fed by a dataset of its own."""
    from aisle.models.heads.keras_trainer import frameworks

    _, library = frameworks()
    model = getattr(library.applications, name)(include_top=False, pooling="avg", weights=None)

    def encode(folder: Path) -> int:
        data = library.utils.image_dataset_from_directory(
            folder, labels=None, image_size=(224, 224), batch_size=BATCH, shuffle=False, verbose=False
        )
        scaled = data.map(lambda pictures: pictures / 127.5 - 1)
        return len(model.predict(scaled, verbose=0))

    return encode


WAYS: dict[str, Callable[[str], Encode]] = {"aisle": aisle, "timm": timm, "keras": keras}


def per_second(way: str, name: str, folder: str, first: str) -> float:
    """Return how many pictures of a folder are encoded in a second, after those of `first`."""
    encode = WAYS[way](name)
    encode(Path(first))
    start = time.perf_counter()
    n = encode(Path(folder))
    return n / (time.perf_counter() - start)


def of_pictures(files: list[Path]) -> dict[str, Any]:
    """Return pictures a second of each network and way, and ours over the best other one's."""
    found: dict[str, Any] = {}
    with TemporaryDirectory() as folder:
        places = [Path(folder, name) for name in ("all", "first")]
        for place, some in zip(places, (files, files[:BATCH]), strict=True):
            place.mkdir()
            for file in some:
                (place / file.name).symlink_to(file.resolve())
        for name, peers in PEERS.items():
            ways = {"aisle": name, **peers}
            rates: dict[str, list[float]] = {way: [] for way in ways}
            for _ in range(ROUNDS):
                for way, own in ways.items():
                    rates[way].append(measured(per_second, way, own, *map(str, places)).result)
            each = {way: round(median(values), 1) for way, values in rates.items()}
            best = max(each[way] for way in peers)
            found[name] = {"items_per_second": each, "ratio": round(each["aisle"] / best, 2)}
    return found


def effects(texts: pd.Series, categories: pd.Series, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return of MiniLM in each precision the classifier's accuracy, near-duplicates together, and the ARI."""
    root, found = bench_encoders.ROOT, {}
    entry = load_params(root / "params.yaml", "encoders.text.minilm", text_vectors.TextEncoderParams)
    head = load_params(root / "params.yaml", "classifiers.minilm", ClassifierParams)
    clustering = load_params(root / "params.yaml", "clustering", cluster_study.ClusteringParams)
    group = near_duplicates.groups(len(texts), near_duplicates.text_pairs(texts, SIMILARITY))
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    for name in names:
        chosen = entry.model_copy(update={"options": {**entry.options, "precision": name}})
        vectors = registry.create("text", chosen, root / "models/pretrained/minilm").transform([*texts])
        model = create_classifier(head).estimator()
        accuracy = cross_val_score(model, vectors, categories, groups=group, cv=folds)
        clusters = cluster_study.study(vectors, categories.to_numpy(str), "l2", clustering).metrics
        figures = {"accuracy": accuracy.mean(), **{key: clusters[key] for key in ("ari", "ari_sd")}}
        found[name] = {key: round(float(value), 4) for key, value in figures.items()}
    return found


def measure() -> dict[str, Any]:
    """Return the figures, of real descriptions and pictures.

    Raises
    ------
    AisleError
        If ../shared is not here.
    """
    place, column = REAL["flipkart1050_descriptions"]
    if not (SHARED / place).is_file():
        raise AisleError(f"{SHARED} must have {place}: real descriptions are encoded. Set AISLE_SHARED")
    table = pd.read_csv(SHARED / place, usecols=[column, TREE], keep_default_na=False)
    texts = table[column].sample(TEXTS, random_state=0).tolist()
    run = measured(bench_encoders.texts, "minilm", texts, ROUNDS)
    first = table[TREE].str.extract(r'\["(.*?)(?: >>|"\])', expand=False)
    effect = effects(table[column], first, precisions())
    pictures = sorted((SHARED / IMAGES).glob("*.jpg"))[:PICTURES]
    figures = {"pictures": len(pictures), "networks": of_pictures(pictures)}
    minilm = run.result | {"effect": effect}
    return {"texts": TEXTS, "rounds": ROUNDS, "minilm": minilm, "peak_mb": run.peak_mb, **figures}
