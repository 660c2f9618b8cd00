"""Hours that many products take on so many cores: arithmetic on committed figures, and what it leaves out.

`python -m tools.scale.cost` prints the table of docs/scale.md. A rate is of one core: that of all cores by
their number, or items by seconds of the processors. It is taken to be the same however many cores there are,
for a shard or a batch needs nothing of another; Ray's start, reading from a store and the slowest shard's end
come on top.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

BENCHMARKS = Path(__file__).resolve().parents[2] / "docs" / "benchmarks"
PRODUCTS = 10_000_000
CORES = (16, 64, 256)


@dataclass(frozen=True)
class Rate:
    """What one core does in a second.

    Parameters
    ----------
    what
        In words.
    source
        File of docs/benchmarks/ and the place in it.
    per_core
        Items a second.
    """

    what: str
    source: str
    per_core: float


def rates(encoders: dict[str, Any], scale: dict[str, Any]) -> list[Rate]:
    """Return the rates of docs/benchmarks/encoders.json and scale.json."""
    predicted = scale["peers"]["batch_prediction"]
    found = [
        Rate(
            "batch prediction, text model",
            "scale.json: peers.batch_prediction.aisle.cpu_seconds",
            predicted["products"] / predicted["aisle"]["cpu_seconds"],
        )
    ]
    for kind, name in (("texts", "minilm"), ("pictures", "mobilenet_v2"), ("pictures", "clip")):
        for precision, rate in encoders[kind][name]["items_per_second"].items():
            if precision != "framework":
                source = f"encoders.json: {kind}.{name}.items_per_second.{precision}"
                found.append(Rate(f"{name}, {precision}", source, rate / encoders["cores"]))
    return found


def hours(items: int, per_core: float, cores: int) -> float:
    """Return the hours that so many items take."""
    return items / (per_core * cores) / 3600


def table(products: int = PRODUCTS) -> str:
    """Return the hours by rate and cores, Markdown."""
    encoders, scale = (
        json.loads((BENCHMARKS / name).read_text(encoding="utf-8"))
        for name in ("encoders.json", "scale.json")
    )
    rows = [
        {
            "what": rate.what,
            "a second and core": f"{rate.per_core:,.0f}",
            **{f"hours, {n} cores": f"{hours(products, rate.per_core, n):.2g}" for n in CORES},
            "from": f"`{rate.source}`",
        }
        for rate in rates(encoders, scale)
    ]
    return pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)


if __name__ == "__main__":
    print(table())
