"""Measure head training on cached features against the study's way; write docs/benchmarks/training.json.

The study's way: `model.fit` of Dense(1024) -> Dropout -> softmax through the frozen Keras backbone, 10
epochs at batch 8, from pictures that are decoded and resized before the clock starts. Ours: the head
`dense` of params.yaml on features of the same backbone; encoding the pictures, which is paid once for all
heads and seeds, is a figure of its own. Both learn from the hold-out's training part and are scored on its
test part, with building and compiling in the time. Then each backbone is compared: parameters, seconds of
head training (median of the seeds, compiled before), accuracy and macro F1 on the test part, accuracy per
second.

It needs a workspace whose pipeline has run as far as the features, with real weights of the backbone. Run it
on an idle machine.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

from aisle.catalogue import picture_rows
from aisle.pipeline import atomic, cli, tables
from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import load_params
from aisle.pretrained import description, status
from aisle.pretrained.sources import WeightsParams

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "docs" / "benchmarks" / "training.json"
EPOCHS, BATCH, UNITS, DROPOUT = 10, 8, 1024, 0.5
"""Of the study's way."""


def decoded(workspace: Path, folds: pd.DataFrame) -> list[np.ndarray | None]:
    """Return the picture of each product, None where it has none that can be read."""
    from aisle.representations.encoders.pictures import decode

    images = picture_rows.first(tables.read(workspace / "data/images.parquet"))
    table = tables.align(images, folds["product_id"], "data/images.parquet", "folds")
    return [None if pd.isna(each) else decode(each) for each in table["picture"].to_numpy(object)]


def scores(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Return accuracy and macro F1."""
    from sklearn.metrics import accuracy_score, f1_score

    return {
        "accuracy": round(float(accuracy_score(truth, predicted)), 4),
        "macro_f1": round(float(f1_score(truth, predicted, average="macro")), 4),
    }


def study(args: argparse.Namespace) -> dict[str, Any]:
    """Train through the frozen backbone."""
    from aisle.pretrained import download
    from aisle.pretrained.exports.keras_backbone import Export, build
    from aisle.representations.encoders.image.keras_backbone import stretched

    params = load_params("weights.yaml", f"weights.{args.name}", WeightsParams)
    export = Export(**params.options)
    files = download.find(args.name, params)
    folds = tables.read(args.workspace / "data/folds.parquet")
    pictures = decoded(args.workspace, folds)
    there = np.array([picture is not None for picture in pictures])
    split, y = folds["split"].to_numpy(str), folds["category"].to_numpy(str)
    names = np.unique(y)
    train, test = (np.flatnonzero(there & (split == part)) for part in ("train", "test"))
    side = export.side
    resized = {i: stretched(picture, side) for i, picture in enumerate(pictures) if picture is not None}
    X_train, X_test = (np.stack([resized[int(i)] for i in rows]) for rows in (train, test))
    start = time.perf_counter()
    backbone = build(export.architecture, side, next(iter(files.values())), 0)
    import keras

    keras.utils.set_random_seed(0)
    backbone.trainable = False
    given = keras.Input((side, side, 3))
    values = keras.layers.GlobalAveragePooling2D()(backbone(given, training=False))
    values = keras.layers.Dropout(DROPOUT)(keras.layers.Dense(UNITS, activation="relu")(values))
    model = keras.Model(given, keras.layers.Dense(len(names), activation="softmax")(values))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    codes = np.searchsorted(names, y)
    model.fit(X_train, codes[train], batch_size=args.batch, epochs=args.epochs, verbose=0)
    seconds = time.perf_counter() - start
    predicted = names[model.predict(X_test, batch_size=args.batch, verbose=0).argmax(axis=1)]
    return {
        "seconds": round(seconds, 2),
        "epochs": args.epochs,
        "batch_size": args.batch,
        **scores(y[test], predicted),
    }


def encoding(args: argparse.Namespace) -> dict[str, Any]:
    """Encode the pictures of the training part, as `embed_images` does without its cache."""
    from aisle.representations.encoders.image.keras_backbone import KerasBackbone

    folds = tables.read(args.workspace / "data/folds.parquet")
    train = folds["split"].to_numpy(str) == "train"
    pictures = [
        each
        for each, wanted in zip(decoded(args.workspace, folds), train, strict=True)
        if wanted and each is not None
    ]
    start = time.perf_counter()
    KerasBackbone(str(args.workspace / "models/pretrained" / args.name)).transform(pictures)
    return {"seconds": round(time.perf_counter() - start, 2), "pictures": len(pictures)}


def head(args: argparse.Namespace) -> dict[str, Any]:
    """Train the head on cached features, with each seed."""
    from aisle.models.heads.keras_trainer import frameworks
    from aisle.models.heads.mlp import DenseHead, HeadParams
    from aisle.models.model_input import read_features

    params = load_params("params.yaml", "transfer.heads.dense", HeadParams)
    seeds = load_params("params.yaml", "seeds", list[int])
    inputs = read_features(args.workspace / f"features/image/{args.name}.parquet")
    folds = tables.align(
        tables.read(args.workspace / "data/folds.parquet"),
        inputs.product_ids,
        "data/folds.parquet",
        "features",
    )
    split, y = folds["split"].to_numpy(str), folds["category"].to_numpy(str)
    train, test = (inputs.available & (split == part) for part in ("train", "test"))
    frameworks()  # importing them is in neither way's time
    seconds, found = [], []
    for seed in [seeds[0], *seeds]:  # the first compiles
        start = time.perf_counter()
        model = DenseHead(params.training, params.layers, params.dropout, params.scaling, seed)
        model.fit(inputs.X[train], y[train])
        seconds.append(time.perf_counter() - start)
        found.append(scores(y[test], model.predict(inputs.X[test])))
    means = {name: round(float(np.mean([each[name] for each in found[1:]])), 4) for name in found[0]}
    return {
        "seconds": round(seconds[0], 3),
        "seconds_compiled": round(median(seconds[1:]), 3),
        "seeds": len(seeds),
        **means,
        "accuracy_sd": round(float(np.std([each["accuracy"] for each in found[1:]], ddof=1)), 4),
    }


def child(part: str, name: str, args: argparse.Namespace) -> dict[str, Any]:
    """Run one part in a process of its own, in the workspace; return its figures."""
    command = [sys.executable, __file__, "--part", part, "--name", name, "--workspace", str(args.workspace)]
    command += ["--epochs", str(args.epochs), "--batch", str(args.batch)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=args.workspace, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise AisleError(f"{part} {name} failed, see above")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def summary(theirs: dict[str, Any], ours: dict[str, Any], encoded: dict[str, Any]) -> dict[str, float]:
    """Return how many times as fast our way is, and what it costs in accuracy.

    `ratio` of head training; `ratio_compiled` of another one in the same process; `ratio_with_encoding` if
    the features of the training part are counted too, as if no other head or seed ever used them.
    """
    return {
        "ratio": round(theirs["seconds"] / ours["seconds"], 1),
        "ratio_compiled": round(theirs["seconds"] / ours["seconds_compiled"], 1),
        "ratio_with_encoding": round(theirs["seconds"] / (ours["seconds"] + encoded["seconds"]), 1),
        "accuracy_difference": round(ours["accuracy"] - theirs["accuracy"], 4),
    }


def compare(args: argparse.Namespace, ours: dict[str, Any]) -> dict[str, Any]:
    """Return the comparison of backbones; `ours` are the figures of `args.backbone`."""
    rows: dict[str, Any] = {}
    for name in load_params(args.workspace / "params.yaml", "transfer.backbones", list[str]):
        about = description.read(args.workspace / "models/pretrained" / name)
        if not about.available:
            rows[name] = {"weights": status.ABSENT}
            continue
        found = ours if name == args.backbone else child("head", name, args)
        kept = {key: found[key] for key in ("seconds_compiled", "accuracy", "accuracy_sd", "macro_f1")}
        rows[name] = {
            "weights": status.kind(about.label),
            "parameters": about.facts["parameters"],
            **kept,
            "accuracy_per_second": round(found["accuracy"] / found["seconds_compiled"], 3),
        }
    return rows


def main() -> None:
    """Run all parts, write the JSON, print tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--workspace", type=Path, default=ROOT, help="where the pipeline has run (%(default)s)"
    )
    parser.add_argument(
        "--backbone", default="mobilenet_v2", help="compared with the study's way (%(default)s)"
    )
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of the study's way (%(default)s)")
    parser.add_argument("--batch", type=int, default=BATCH, help="of the study's way (%(default)s)")
    parser.add_argument("--output", type=Path, default=RESULT, help="result (%(default)s)")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--name", default="", help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.workspace = args.workspace.resolve()
    if args.part:
        print(json.dumps({"study": study, "encoding": encoding, "head": head}[args.part](args)))
        return
    ours, encoded = child("head", args.backbone, args), child("encoding", args.backbone, args)
    theirs = child("study", args.backbone, args)
    result = {
        "cores": len(os.sched_getaffinity(0)),
        "catalogue": tables.read(args.workspace / "data/folds.parquet").attrs["catalogue"],
        "backbone": args.backbone,
        "study": theirs,
        "cached_features": ours,
        "encoding": encoded,
        **summary(theirs, ours, encoded),
        "backbones": compare(args, ours),
    }
    atomic.write_text(args.output, json.dumps(result, indent=2) + "\n")
    print(pd.DataFrame(result["backbones"]).T.fillna("").to_markdown())
    print(json.dumps({name: value for name, value in result.items() if name != "backbones"}, indent=2))


if __name__ == "__main__":
    cli.run(main, children=True)
