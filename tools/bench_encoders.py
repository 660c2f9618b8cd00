"""Measure the encoders against their frameworks, in one run; write docs/benchmarks/encoders.json.

Machines are noisy, so each comparison takes turns within one process and gives a ratio of medians: pictures a
second of each backbone against Keras `model.predict` at batch 8 (CLIP: against open_clip at batch 8), texts
a second against sentence-transformers' plain `encode`, both from decoded pictures and raw texts; the share
of the processor's own matrix-multiply rate that the backbone's multiplications reach; cosine of the result
to the framework's; and what 10 new products cost, by running the embedding stages as they stand in dvc.yaml.
Weights are random where weights.yaml says nothing else: speed does not depend on them. Run it on an idle
machine.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from aisle.pipeline import atomic, cli, tables
from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import load_params, read_yaml
from aisle.pretrained import description
from aisle.pretrained.sources import WeightsParams

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "docs" / "benchmarks" / "encoders.json"
BATCH = 8
"""Of Keras and open_clip, as in the study."""
NEW = 10
"""Products that are added."""


def turns(ways: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Return the median seconds of each way; they take turns, after one round that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if number:
                seconds[name].append(time.perf_counter() - start)
    return {name: median(each) for name, each in seconds.items()}


def multiplications(path: Path) -> float:
    """Return the floating-point operations (2 per multiply-add) of a static OpenVINO model's products."""
    from aisle.pretrained.runtime import core

    total = 0.0
    for node in core().read_model(path).get_ops():
        name = node.get_type_name()
        if name in ("Convolution", "GroupConvolution"):
            kernel = list(node.input_value(1).get_shape())
            total += 2 * np.prod(list(node.get_output_shape(0))) * np.prod(kernel[-3:])
        elif name == "MatMul":
            inner = node.input_value(0).get_shape()[-2 if node.get_attributes()["transpose_a"] else -1]
            total += 2 * np.prod(list(node.get_output_shape(0))) * inner
    return float(total)


def peak() -> dict[str, float]:
    """Return the best rate of a large matrix product, floating-point operations a second, by precision.

    oneDNN's, through OpenVINO: torch's fp32 product reaches half of it on some processors.
    """
    from aisle.pretrained.runtime import HINTS, core, precisions

    runtime = core()
    from openvino import Model, opset13

    side = 2048
    left, right = (np.ones((side, side), np.float32) for _ in range(2))
    given = opset13.parameter([side, side], np.float32)
    total = opset13.reduce_sum(opset13.matmul(given, right, False, True), np.array([0, 1]))
    rates = {}
    for name in precisions():
        if name == "int8":  # of constant matrices of a model; these are none
            continue
        config = {"INFERENCE_PRECISION_HINT": HINTS[name], "NUM_STREAMS": 1}
        request = runtime.compile_model(Model([total], [given], name), "CPU", config).create_infer_request()
        seconds = []
        for _ in range(20):
            start = time.perf_counter()
            request.infer({0: left})
            seconds.append(time.perf_counter() - start)
        rates[name] = 2 * side**3 / min(seconds)
    return rates


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Return the least cosine of a row of `a` to that of `b`."""
    a, b = a.reshape(len(a), -1).astype(float), b.reshape(len(b), -1).astype(float)
    return float((np.sum(a * b, 1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min())


def compare(
    folder: Path,
    ours: Mapping[str, Callable[[], np.ndarray]],
    theirs: Callable[[], np.ndarray],
    n: int,
    rounds: int,
    model: str,
) -> dict[str, Any]:
    """Return rates, ratios, cosines and the model's operations of one encoder."""
    seconds = turns({"framework": theirs, **ours}, rounds)
    right = theirs()
    return {
        "items_per_second": {name: round(n / each, 2) for name, each in seconds.items()},
        "ratio": {name: round(seconds["framework"] / seconds[name], 3) for name in ours},
        "cosine": {name: round(cosine(way(), right), 6) for name, way in ours.items()},
    } | ({"gflop_per_item": round(multiplications(folder / model) / 1e9, 3)} if model else {})


@contextmanager
def exported(name: str, export: Any, files: dict[str, Path], seed: int | None) -> Iterator[Path]:
    """Make the folder of an exported model, as stages/fetch_weights.py does, for as long as it is used."""
    params = load_params(ROOT / "weights.yaml", f"weights.{name}", WeightsParams)
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        facts = export.export(files, seed, folder)
        description.write(description.describe(params, facts, folder), folder)
        yield folder


def transforms(
    encoder: Callable[[str], Any], items: list[Any], int8: bool = True
) -> dict[str, Callable[[], np.ndarray]]:
    """Return for each precision what encodes the items; `encoder` makes an encoder of a precision."""
    from aisle.pretrained.runtime import precisions

    names = [name for name in precisions() if int8 or name != "int8"]
    return {each: partial(encoder(each).transform, items) for each in names}


def backbone(name: str, pictures: list[np.ndarray], rounds: int) -> dict[str, Any]:
    """Compare a Keras backbone with its export (random weights)."""
    from PIL import Image

    from aisle.pretrained.exports.keras_backbone import Export, build
    from aisle.representations.encoders.image.keras_backbone import KerasBackbone

    params = load_params(ROOT / "weights.yaml", f"weights.{name}", WeightsParams)
    export = Export(**params.options)
    with exported(name, export, {}, 0) as folder:
        model = build(export.architecture, export.side, None, 0)
        size = (export.side, export.side)

        def keras() -> np.ndarray:
            resized = [Image.fromarray(each).resize(size, Image.Resampling.BILINEAR) for each in pictures]
            batch = np.stack([np.asarray(each, np.float32) for each in resized])
            return model.predict(batch, batch_size=BATCH, verbose=0)

        ours = transforms(partial(KerasBackbone, str(folder), "none"), pictures, int8=False)
        return compare(folder, ours, keras, len(pictures), rounds, "model.xml")


def clip(name: str, pictures: list[np.ndarray], rounds: int) -> dict[str, Any]:
    """Compare CLIP's image tower in open_clip with its export (random weights)."""
    import open_clip
    import torch
    from PIL import Image

    from aisle.pretrained.exports.clip import Export
    from aisle.representations.encoders.image.clip import ClipImage

    params = load_params(ROOT / "weights.yaml", f"weights.{name}", WeightsParams)
    export = Export(**params.options)
    with exported(name, export, {}, 0) as folder:
        torch.manual_seed(0)
        torch.backends.mha.set_fastpath_enabled(True)
        model, _, preprocess = open_clip.create_model_and_transforms(export.architecture)
        model = model.eval()

        def framework() -> np.ndarray:
            rows = []
            with torch.inference_mode():
                for start in range(0, len(pictures), BATCH):
                    some = [preprocess(Image.fromarray(each)) for each in pictures[start : start + BATCH]]
                    rows.append(model.encode_image(torch.stack(some), normalize=True).numpy())
            return np.concatenate(rows)

        ours = transforms(partial(ClipImage, str(folder)), pictures)
        return compare(folder, ours, framework, len(pictures), rounds, "image.xml")


def texts(name: str, sentences: list[str], rounds: int) -> dict[str, Any]:
    """Compare a sentence encoder's export with sentence-transformers' plain `encode` on the same files."""
    from sentence_transformers import SentenceTransformer

    from aisle.pretrained import download
    from aisle.pretrained.exports.transformer import Export
    from aisle.representations.encoders.text.transformer import SentenceEncoder

    params = load_params(ROOT / "weights.yaml", f"weights.{name}", WeightsParams)
    files = download.find(name, params)
    with exported(name, Export(**params.options), files, None) as folder:
        model = SentenceTransformer(str(files["model.safetensors"].parent), device="cpu")
        ours = transforms(partial(SentenceEncoder, str(folder)), sentences)
        plain = partial(model.encode, sentences, show_progress_bar=False)
        return compare(folder, ours, plain, len(sentences), rounds, "")


def pretrained(folder: Path) -> dict[str, Any]:
    """Make every pretrained model in a folder; return the params, in which none is absent any more."""
    params = read_yaml(ROOT / "params.yaml")
    for entry in params["weights"].values():
        entry["source"] = "random" if entry["source"] == "absent" else entry["source"]
    YAML().dump(params, folder / "params.yaml")
    for name in params["weights"]:
        stage("fetch_weights", folder, {"weights": name, "output": folder / name})
    return params


def stage(name: str, folder: Path, flags: dict[str, Any], cache: str = "off") -> float:
    """Run a stage as dvc.yaml does, in a process of its own; return its seconds."""
    command = [sys.executable, "-m", f"stages.{name}", "--params", str(folder / "params.yaml")]
    command += [part for flag, value in flags.items() for part in (f"--{flag}", str(value))]
    environment = os.environ | {"AISLE_CACHE": cache}
    start = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AisleError(f"{' '.join(command)} failed: {done.stderr.strip()[-500:]}")
    return time.perf_counter() - start


def adding(params: dict[str, Any], folder: Path, workspace: Path, check: bool = False) -> dict[str, Any]:
    """Time each embedding stage from cold without the last NEW products, and then with them.

    Parameters
    ----------
    params, folder
        See `pretrained`.
    workspace
        Where data/ is.
    check
        Run all products from cold as well; other bytes are an error.
    """
    rows: dict[str, dict[str, float]] = {}
    for modality, source in (("text", "text.parquet"), ("image", "images.parquet")):
        everything, few = workspace / "data" / source, folder / source
        table = tables.read(everything)
        tables.write(table.iloc[:-NEW], few, table.attrs["catalogue"])
        script, flag = {"text": ("embed_text", "texts"), "image": ("embed_images", "pictures")}[modality]
        for name, entry in params["encoders"][modality].items():
            flags = {"encoder": name, "weights": folder / entry["weights"]}
            flags |= {"metrics": folder / "metrics.json"} if modality == "text" else {}
            cache, new = str(folder / "items" / name), folder / f"{name}.parquet"
            rows[name] = {
                "cold": round(stage(script, folder, flags | {flag: few, "output": new}, cache), 2),
                "new": round(stage(script, folder, flags | {flag: everything, "output": new}, cache), 2),
            }
            if check:
                cold = folder / f"{name}-cold.parquet"
                stage(script, folder, flags | {flag: everything, "output": cold})
                if new.read_bytes() != cold.read_bytes():
                    raise AisleError(f"{name}: the cache must give the bytes of a cold run; they differ")
    cold_seconds, new_seconds = (sum(row[run] for row in rows.values()) for run in ("cold", "new"))
    share = round(new_seconds / cold_seconds, 4)
    return {"products": len(table), "new": NEW, "share_of_cold": share, "seconds": rows}


def child(part: str, name: str, args: argparse.Namespace) -> dict[str, Any]:
    """Run one part in a process of its own (TensorFlow and torch crash in one); return its figures."""
    command = [sys.executable, __file__, "--part", part, "--name", name, "--workspace", str(args.workspace)]
    command += ["--items", str(args.items), "--rounds", str(args.rounds)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise AisleError(f"{part} {name} failed, see above")
    return json.loads(done.stdout.splitlines()[-1])


def part(args: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of one part."""
    from aisle.representations.encoders.pictures import decode

    if args.part == "peak":
        return {name: round(rate / 1e9, 1) for name, rate in peak().items()}
    if args.part == "texts":
        table = tables.read(args.workspace / "data" / "text.parquet")
        sentences = [text for text in table["description_raw"] if text][: 4 * args.items]
        return texts(args.name, sentences, args.rounds)
    table = tables.read(args.workspace / "data" / "images.parquet", ["picture"])
    pictures = [decode(picture) for picture in table["picture"].dropna()[: args.items]]
    return {"backbone": backbone, "clip": clip}[args.part](args.name, pictures, args.rounds)


def main() -> None:
    """Run all parts, write the JSON, print tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--workspace", type=Path, default=ROOT, help="where the pipeline has run (%(default)s)"
    )
    parser.add_argument(
        "--items", type=int, default=48, help="pictures; four times as many texts (%(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each comparison (%(default)s)")
    parser.add_argument("--output", type=Path, default=RESULT, help="result (%(default)s)")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--name", default="", help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.workspace = args.workspace.resolve()
    if args.part:
        print(json.dumps(part(args)))
        return
    entries = load_params(ROOT / "weights.yaml", "weights", dict[str, WeightsParams])
    backbones = [name for name, entry in entries.items() if entry.export == "keras_backbone"]
    result: dict[str, Any] = {
        "cores": len(os.sched_getaffinity(0)),
        "rounds": args.rounds,
        "gflop_per_second": child("peak", "", args),
        "pictures": {name: child("backbone", name, args) for name in backbones}
        | {"clip": child("clip", "clip", args)},
        "texts": {"minilm": child("texts", "minilm", args)},
    }
    for each in result["pictures"].values():
        each["share_of_peak"] = {
            name: round(
                each["items_per_second"][name] * each["gflop_per_item"] / result["gflop_per_second"][name], 3
            )
            for name in each["ratio"]
        }
    with tempfile.TemporaryDirectory() as folder:
        result["new_products"] = adding(pretrained(Path(folder)), Path(folder), args.workspace)
    atomic.write_text(args.output, json.dumps(result, indent=2) + "\n")
    flat = pd.json_normalize(
        [{"encoder": name, **each} for name, each in (result["pictures"] | result["texts"]).items()]
    )
    print(flat.fillna("").to_markdown(index=False))
    added = pd.DataFrame(result["new_products"]["seconds"]).T
    print(added.to_markdown())
    print(f"{NEW} new products, share of the cold time:", result["new_products"]["share_of_cold"])


if __name__ == "__main__":
    cli.run(main, children=True)
