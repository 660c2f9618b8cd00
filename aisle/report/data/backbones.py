"""What is known of the pretrained picture encoders: their size, their speed, and which model is on which."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from aisle.pretrained.description import FILE
from aisle.pretrained.status import kind

COLUMNS = ("weights", "feature_sets", "kind", "parameters", "megabytes", "official_megabytes", "per_second")


def read(folder: Path, benchmark: Path, backbones: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Return a row for each pretrained model that a picture encoder runs.

    Parameters
    ----------
    folder
        models/pretrained.
    benchmark
        docs/benchmarks/encoders.json: speed does not depend on the catalogue, and a pipeline's output may not
        hold a duration.
    backbones
        Entry of weights.yaml to the feature sets of its vectors (`Listing.backbones`).

    Returns
    -------
    pandas.DataFrame
        In the order of params.yaml: `weights` (entry), `feature_sets` (names), `kind` (see
        `aisle.pretrained.status.kind`), `parameters` and `megabytes` (10^6 bytes) of what is run, NaN where
        there is none, `official_megabytes` of the official files, `per_second` (pictures, fp32; NaN if not
        measured).
    """
    speeds = json.loads(benchmark.read_text(encoding="utf-8"))["pictures"]
    rows = []
    for name, sets in backbones.items():
        about = json.loads((folder / name / FILE).read_text(encoding="utf-8"))
        files = [path for pattern in ("*.bin", "*.xml") for path in (folder / name).glob(pattern)]
        rows.append(
            {
                "weights": name,
                "feature_sets": list(sets),
                "kind": kind(about["label"]),
                "parameters": about["facts"].get("parameters"),
                "megabytes": sum(path.stat().st_size for path in files) / 1e6 if files else None,
                "official_megabytes": about["megabytes"],
                "per_second": speeds.get(name, {}).get("items_per_second", {}).get("fp32"),
            }
        )
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype(dict.fromkeys(["parameters", "megabytes", "per_second"], float))
