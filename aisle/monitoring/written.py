"""What the stage `monitor` writes, for the report, for the stages after it, and for alarms."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from aisle.catalogue.thumbnails import ThumbnailsParams, thumbnail
from aisle.monitoring import alarms, evidently_page
from aisle.monitoring.drift.batches import Found
from aisle.monitoring.drift.novelty import CUT
from aisle.monitoring.drift.two_sample import components, unit_length
from aisle.monitoring.observed import Observed
from aisle.monitoring.stream import Predicted
from aisle.pipeline import atomic, tables
from aisle.pipeline.tables import KEY

COMPONENTS = 64
"""Of the products' encodings that are kept, text and picture together."""


def products(
    catalogue: pd.DataFrame,
    reference: Observed,
    predicted: Predicted | None,
    found: Found,
    side: ThumbnailsParams,
) -> pd.DataFrame:
    """Return a row for each labelled product of the catalogue (batch "") and of the stream.

    Parameters
    ----------
    catalogue
        product_id, title, date (null where there is none).
    reference, predicted, found
        What is known of both.
    side
        Of the pictures that are kept: those of the products that may be of a new kind.

    Returns
    -------
    pandas.DataFrame
        By batch, date and product_id: product_id, batch, date, title, text, group, label, strategy, ended,
        predicted, confidence, challenger, foreign_p (conformal p value; null where not judged), p_<category>,
        vector (float32, principal components of the encodings), jpeg.
    """
    own = catalogue.set_index(KEY).loc[list(reference.ids)]
    names = np.array(reference.categories, object)
    first = pd.DataFrame({KEY: reference.ids, "batch": "", "date": own["date"].to_numpy(object)})
    first = first.assign(title=own["title"].to_numpy(object), text=reference.texts, label=reference.label)
    parts, sides = [first], [reference]
    if predicted is not None:
        told = predicted.table[
            [KEY, "batch", "date", "title", "text", "label", "strategy", "ended", "challenger"]
        ]
        parts.append(told.assign(foreign_p=found.product_p))
        sides.append(predicted.observed)
    table = pd.concat(parts, ignore_index=True)
    columns = ["strategy", "ended", "challenger", "foreign_p"]
    table = table.reindex(columns=[*table.columns, *(name for name in columns if name not in table)])
    values = np.concatenate([each.probabilities for each in sides])
    table = table.assign(
        group=np.concatenate([each.group for each in sides]),
        predicted=names[values.argmax(axis=1)],
        confidence=values.max(axis=1),
        vector=list(_reduced(sides)),
        jpeg=pd.Series(_pictures(predicted, found, side, len(reference)), dtype=object),
    )
    shares = pd.DataFrame(values, columns=[f"p_{name}" for name in names])
    return pd.concat([table, shares], axis=1).sort_values(["batch", "date", KEY], ignore_index=True)


def _reduced(sides: list[Observed]) -> np.ndarray:
    """Return the encodings of all products, their modalities side by side, in fewer dimensions."""
    each = [
        np.nan_to_num(unit_length(np.concatenate([side.vectors[name] for side in sides]).astype(float)))
        for name in sides[0].vectors
    ]
    return components(np.concatenate(each, axis=1), COMPONENTS).astype(np.float32)


def _pictures(
    predicted: Predicted | None, found: Found, params: ThumbnailsParams, before: int
) -> list[bytes | None]:
    """Return a small picture of each product that is far from the reference, None of any other."""
    if predicted is None:
        return [None] * before
    far = np.nan_to_num(found.product_p, nan=1.0) <= CUT
    kept = [
        thumbnail(picture, params.side, params.quality) if picture and wanted else None
        for picture, wanted in zip(predicted.pictures, far, strict=True)
    ]
    return [None] * before + kept


def write(
    folder: str | Path, table: pd.DataFrame, reference: Observed, predicted: Predicted | None, found: Found,
    alpha: float, label: str,
) -> None:  # fmt: skip
    """Write the tables, the alarms, the gauges and Evidently's page of the newest batch into a folder.

    Parameters
    ----------
    folder
        Where to.
    table
        Of `products`.
    reference, predicted, found
        What was judged.
    alpha
        Of the detectors.
    label
        Of the catalogue.
    """
    place = Path(folder)
    tables.write(table, place / "products.parquet", label)
    for name in ("batches", "detectors", "shares", "promised"):
        tables.write(getattr(found, name), place / f"{name}.parquet", label)
    raised = alarms.of_batches(found.detectors, alpha)
    newest = found.batches["batch"].iloc[-1] if len(found.batches) else ""
    raised += alarms.of_promise(found.metrics, newest)
    text = json.dumps([each.plain() for each in raised], indent=1, ensure_ascii=False)
    atomic.write_text(place / "alarms.json", text + "\n")
    gauges = alarms.exposition(found.detectors, found.batches, found.metrics)
    atomic.write_text(place / "aisle.prom", gauges)
    page = "<!doctype html><title>No batch yet</title><p>The stream has not begun."
    if predicted is not None:
        own = predicted.observed.take((predicted.table["batch"] == newest).to_numpy())
        page = evidently_page.html(reference, own)
    atomic.write_text(place / "evidently.html", page)
