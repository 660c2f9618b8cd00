"""From a catalogue's source to its products: columns mapped, bad rows refused in words, all counted."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from aisle.catalogue import label_overlay, labels
from aisle.catalogue.columns import CatalogueParams, Mapped, map_columns
from aisle.catalogue.picture_files import PictureFolder
from aisle.catalogue.source import read_source
from aisle.catalogue.validation import IngestParams, validate
from aisle.pipeline.errors import AisleError


@dataclass
class Ingested:
    """What the ingest stage writes.

    Parameters
    ----------
    products
        The table of data/products.parquet.
    rejects
        The table of data/rejects.csv.
    embedded
        Pictures that came inside the table: product_id, place, picture (bytes).
    counts
        The figures of metrics/ingest.json.
    detected
        What format the table was found to have, in words.
    notes
        What else a person should know, in words.
    """

    products: pd.DataFrame
    rejects: pd.DataFrame
    embedded: pd.DataFrame
    counts: dict[str, Any]
    detected: str
    notes: list[str]


def ingest(
    params: CatalogueParams,
    limits: IngestParams,
    changes: str | Path | None = None,
    judgements: str | Path | None = None,
) -> Ingested:
    """Read a catalogue.

    Parameters
    ----------
    params, limits
        Sections `catalogue` and `ingest`.
    changes
        CSV of categories that have another name now: columns old and new, paths as the source writes them.
    judgements
        CSV of people's labels, which go before the source's (`aisle.catalogue.label_overlay`).

    Raises
    ------
    AisleError
        If the table cannot be read, a column is missing, too many rows are refused, or there are fewer than
        two categories; if a person's label names no category of the catalogue.
    """
    source = read_source(params.table, params.format, params.tables, params.join, params.wanted())
    renamed = read_changes(changes, params.category.separator) if changes else {}
    mapped = map_columns(source, params, renamed)
    if judgements:
        said = label_overlay.read(judgements)
        label_overlay.overlay(mapped, said, params.category, renamed, judgements)
    try:
        products, rejects = validate(mapped, limits, params.category)
    except AisleError as error:  # what was made of the table may be what is wrong
        raise AisleError(f"{error} The table: {'; '.join([source.told(), *mapped.notes])}") from None
    embedded = [
        {"product_id": identifier, "place": place, "picture": content}
        for identifier, contents in zip(products["product_id"], products["_bytes"], strict=True)
        for place, content in enumerate(contents)
    ]
    return Ingested(
        products.drop(columns="_bytes"),
        rejects,
        pd.DataFrame(embedded, columns=["product_id", "place", "picture"]).astype(
            {"product_id": str, "place": "int32", "picture": object}
        ),
        counts(mapped, products, rejects, Path(params.images)),
        source.told(),
        [*mapped.notes, *_unlabelled(products)],
    )


def _unlabelled(products: pd.DataFrame) -> list[str]:
    without = int(products["category"].isna().sum())
    return (
        [f"{without} products have no category: models predict them, and learn from the others"]
        if without
        else []
    )


def read_changes(file: str | Path, separator: str | None) -> Mapping[labels.Path, labels.Path]:
    """Return the renamed categories, old path to new one; a new one that is empty means none."""
    table = read_source(file).table
    if {*table.columns} != {"old", "new"}:
        raise AisleError(f"{file} must have the columns old and new; it has {', '.join(table.columns)}")

    def path(text: str) -> labels.Path:
        parts = [" ".join(part.split()) for part in (text.split(separator) if separator else [text])]
        return tuple(part for part in parts if part)

    old, new = (list(map(path, table[name])) for name in ("old", "new"))
    if twice := [" ".join(each) for i, each in enumerate(old) if not each or each in old[:i]]:
        raise AisleError(f"{file} must name each old category once; see {twice[0]!r}")
    return dict(zip(old, new, strict=True))


def counts(mapped: Mapped, products: pd.DataFrame, rejects: pd.DataFrame, images: Path) -> dict[str, Any]:
    """Return the figures of metrics/ingest.json.

    Parameters
    ----------
    mapped, products, rejects
        From `map_columns` and `validate`.
    images
        The folder of pictures.
    """
    sizes = products["category"].value_counts()
    table = mapped.table
    depth = table.loc[~table.index.isin(rejects["line"]), "path"].map(len)
    depth = depth[depth > 0]
    folder = PictureFolder(images)
    files = products["pictures"].map(lambda names: any(folder.find(name)[0] for name in names)).astype(bool)
    inside = products["_bytes"].map(len) > 0
    kept = ~table.index.isin(rejects["line"])
    return {
        "rows": len(table),
        "records": mapped.counts["records"],
        "joined": mapped.counts["joined"],
        "products": len(products),
        "refused": len(rejects),
        "refused_share": len(rejects) / len(table),
        "unlabelled": int(products["category"].isna().sum()),
        "several_categories": mapped.counts["several_categories"],
        "renamed": mapped.counts["renamed"],
        **{name: mapped.counts.get(name, 0) for name in label_overlay.COUNTS},
        "pictures": int(products["pictures"].map(len).sum() + products["_bytes"].map(len).sum()),
        "without_picture": int((~(files | inside)).sum()),
        "without_picture_name": int((products["pictures"].map(len).eq(0) & ~inside).sum()),
        "without_title": int(products["title"].eq("").sum()),
        "without_description": int(products["description"].eq("").sum()),
        "without_brand": int(products["brand"].isna().sum()),
        "without_price": int(products["price"].isna().sum()),
        "without_specifications": int(products["specifications"].eq("[]").sum()),
        "specifications_unreadable": int(table.loc[kept, "specifications_unreadable"].sum()),
        "categories": len(sizes),
        "smallest_category": int(sizes.min()),
        "largest_category": int(sizes.max()),
        "path_depth_min": int(depth.min()),
        "path_depth_max": int(depth.max()),
        "name_words": int(products["title"].str.count(r"\S+").sum()),
    }
