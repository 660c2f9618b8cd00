"""What is known of the pretrained picture encoders: their size, their speed, and which model is on which."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from aisle.weights import FILE, NONE, kind

COLUMNS = ("weights", "feature_sets", "kind", "parameters", "megabytes", "official_megabytes", "per_second")


def read(
    folder: Path,
    benchmark: Path,
    weights: Mapping[str, Any],
    encoders: Mapping[str, Any],
    feature_sets: Mapping[str, Any],
) -> pd.DataFrame:
    """Return a row for each pretrained model that a picture encoder runs.

    Parameters
    ----------
    folder
        models/pretrained.
    benchmark
        docs/benchmarks/encoders.json: speed does not depend on the catalogue, and a pipeline's output may not
        hold a duration.
    weights, encoders, feature_sets
        Sections `weights`, `encoders.image` and `feature_sets` of params.yaml.

    Returns
    -------
    pandas.DataFrame
        In the order of params.yaml: `weights` (entry), `feature_sets` (names), `kind` (see
        `aisle.weights.kind`), `parameters` and `megabytes` (10^6 bytes) of what is run, NaN where there is
        none, `official_megabytes` of the official files, `per_second` (pictures, fp32; NaN if not measured).
    """
    speeds = json.loads(benchmark.read_text(encoding="utf-8"))["pictures"]
    rows = []
    for name in dict.fromkeys(entry["weights"] for entry in encoders.values()):
        if name == NONE:
            continue
        about = json.loads((folder / name / FILE).read_text(encoding="utf-8"))
        files = [path for pattern in ("*.bin", "*.xml") for path in (folder / name).glob(pattern)]
        sources = {
            f"features/image/{key}.parquet" for key, each in encoders.items() if each["weights"] == name
        }
        official = weights[name].get("files", {}).values()
        rows.append(
            {
                "weights": name,
                "feature_sets": [key for key, each in feature_sets.items() if each["features"] in sources],
                "kind": kind(about["label"]),
                "parameters": about["facts"].get("parameters"),
                "megabytes": sum(path.stat().st_size for path in files) / 1e6 if files else None,
                "official_megabytes": sum(
                    each.get("megabytes", 0) for each in official if each.get("learned", True)
                ),
                "per_second": speeds.get(name, {}).get("items_per_second", {}).get("fp32"),
            }
        )
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype(dict.fromkeys(["parameters", "megabytes", "per_second"], float))


def models(
    encoders: Mapping[str, Any],
    classifiers: Mapping[str, Any],
    zero_shot: Mapping[str, Any],
    transfer: Mapping[str, Any],
    fine_tunes: Mapping[str, Any],
) -> dict[str, str]:
    """Return the entry of `weights` of each model that reads pictures alone, by a pretrained encoder.

    Parameters
    ----------
    encoders, classifiers, zero_shot, transfer, fine_tunes
        Sections of params.yaml; `encoders` is `encoders.image`.
    """
    source = {f"features/image/{name}.parquet": entry["weights"] for name, entry in encoders.items()}
    found = {name: source.get(entry["input"], NONE) for name, entry in classifiers.items()}
    found |= {name: entry["weights"] for name, entry in zero_shot.items()}
    found |= {
        f"{backbone}_{head}": encoders[backbone]["weights"]
        for backbone in transfer["backbones"]
        for head in transfer["heads"]
    }
    found |= {name: entry["weights"] for name, entry in fine_tunes.items()}
    return {name: weights for name, weights in found.items() if weights != NONE}
