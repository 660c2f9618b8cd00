"""Labels that people gave, laid over the catalogue: data/labels.csv, one row per judgement.

A judgement is what one person said of one product: its category, when and why. Later ones of a person replace
earlier ones of the same person; where people disagree, the category that most of them gave counts, of as many
the one that was given last, at the same time the one that is lower in the file.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from aisle.catalogue import labels
from aisle.catalogue.columns import Mapped
from aisle.catalogue.taxonomy import OTHER, PATH_SEPARATOR
from aisle.pipeline import atomic, escaping
from aisle.pipeline.errors import AisleError, some

COLUMNS = ("product_id", "category_path", "who", "when", "why")
"""Columns of the file, in this order. Only `why` may be empty."""
COUNTS = (
    "labels", "labels_applied", "labels_new", "labels_changed", "labels_conflicts", "labels_unknown_products",
)  # fmt: skip
"""Figures of metrics/ingest.json: judgements; products that have one that counts; of these, those that had no
category and those that had another; products on which people disagree; judged products that are not there."""


@dataclass(frozen=True)
class Judgement:
    """What one person said of one product: a row of data/labels.csv.

    Attributes
    ----------
    product_id
        As the catalogue has it.
    category_path
        Segments from the root, with `PATH_SEPARATOR` between them, as in data/products.parquet.
    who
        Name of the person, or of the person's key of the service.
    when
        ISO 8601; UTC where it names no zone.
    why
        In words; may be empty.
    line
        Where it stands in the file, from 2; 0 of one that is in no file.
    """

    product_id: str
    category_path: str
    who: str
    when: str
    why: str = ""
    line: int = 0

    @property
    def at(self) -> datetime:
        """The time, with its zone; a ValueError if `when` is none."""
        found = datetime.fromisoformat(self.when)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def read(file: str | Path) -> list[Judgement]:
    """Read the judgements of a file, in its order; none of a file that has its header alone.

    Raises
    ------
    AisleError
        If it is no such file: other columns, a row with an empty cell, a time that is none.
    """
    try:
        with Path(file).open(encoding="utf-8-sig", newline="") as opened:
            rows = csv.reader(opened, strict=True)
            header = next(rows, [])
            if tuple(header) != COLUMNS:
                raise AisleError(
                    f"{file} must have the columns {', '.join(COLUMNS)}; it has {some(header) or 'none'}"
                )
            return [_judgement(row, rows.line_num, file) for row in rows if row]
    except FileNotFoundError:
        raise AisleError(
            f"{file} must be there, with the line {','.join(COLUMNS)} if there are no labels; it is not"
        ) from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise AisleError(f"{file} must be CSV in UTF-8; it is not: {error}") from None


def _judgement(row: list[str], line: int, file: str | Path) -> Judgement:
    if len(row) != len(COLUMNS):
        raise AisleError(f"{file}, line {line}: there must be {len(COLUMNS)} cells; there are {len(row)}")
    cells = [escaping.unformula(cell).strip() for cell in row]
    if empty := [name for name, cell in zip(COLUMNS[:-1], cells, strict=False) if not cell]:
        raise AisleError(f"{file}, line {line}: {some(empty)} must be filled; it is empty")
    product_id, category_path, who, when, why = cells
    found = Judgement(product_id, category_path, who, when, why, line)
    try:
        _ = found.at
    except ValueError:
        raise AisleError(
            f"{file}, line {line}: `when` must be a time in ISO 8601, such as 2026-05-04T10:00:00+00:00; "
            f"it is {found.when!r}"
        ) from None
    return found


def write(judgements: Iterable[Judgement], file: str | Path) -> None:
    """Write judgements, whole or not at all, the same bytes for the same judgements whatever their order."""
    order = sorted({*map(_cells, judgements)}, key=lambda cells: (cells[0], cells[3], cells[2], cells))
    with atomic.replacing(file) as part, part.open("w", encoding="utf-8", newline="") as opened:
        rows = csv.writer(opened, lineterminator="\n")
        rows.writerow(COLUMNS)
        rows.writerows([escaping.formula(cell) for cell in cells] for cells in order)


def _cells(judgement: Judgement) -> tuple[str, ...]:
    return tuple(getattr(judgement, name) for name in COLUMNS)


def overlay(
    mapped: Mapped,
    judgements: Sequence[Judgement],
    category: labels.Category,
    changes: Mapping[labels.Path, labels.Path],
    file: str | Path,
) -> None:
    """Lay judgements over the products' category paths, in place; say and count what came of it.

    A judgement that names a node above the product's own category confirms that; any other takes its place.

    Parameters
    ----------
    mapped
        From `map_columns`: its paths, notes and counts are changed.
    judgements
        Of `read`.
    category
        How many segments a category has.
    changes
        Categories that have another name now (`aisle.catalogue.labels.rename`): judgements may name the old.
    file
        Where the judgements are from, for errors and notes.

    Raises
    ------
    AisleError
        If a category is none of the catalogue's, or none of the products is in the catalogue.
    """
    nodes = {path[:depth] for path in {*mapped.table["path"]} for depth in range(1, len(path) + 1)}
    ids = {*mapped.table["product_id"]}
    known = [each for each in judgements if each.product_id in ids]
    gone = sorted({each.product_id for each in judgements} - ids)
    if judgements and not known:
        raise AisleError(
            f"{file} must name products of this catalogue; it has none of {some(gone)}. The catalogue has "
            f"{some(sorted(ids))}."
        )
    said = [(each, _path(each, nodes, category, changes, file)) for each in known]
    decided, conflicts = decide(said, category.level)
    before = dict(zip(mapped.table["product_id"], mapped.table["path"], strict=True))
    after = {key: _laid(before[key], path) for key, path in decided.items()}
    paths = zip(mapped.table["product_id"], mapped.table["path"], strict=True)
    mapped.table["path"] = pd.Series(
        [after.get(key, path) for key, path in paths], index=mapped.table.index, dtype=object
    )
    new = sum(not before[key] for key in after)
    changed = sum(before[key] != path for key, path in after.items()) - new
    found = (len(judgements), len(after), new, changed, len(conflicts), len(gone))
    mapped.counts |= dict(zip(COUNTS, found, strict=True))
    mapped.notes.extend(_notes(mapped.counts, conflicts, gone, file))


def _path(
    judgement: Judgement,
    nodes: set[labels.Path],
    category: labels.Category,
    changes: Mapping[labels.Path, labels.Path],
    file: str | Path,
) -> labels.Path:
    """Return the node that a judgement names; its text is split, or is one segment as it is."""
    text = " ".join(judgement.category_path.split())
    where = f"{file}, line {judgement.line}: the category of product {judgement.product_id!r} must be"
    ways = [tuple(text.split(PATH_SEPARATOR)), (text,)]
    renamed, _ = labels.rename(ways, dict(changes))
    found = next((path for path in renamed if path in nodes), None)
    if category.level == "tree":
        found = (OTHER,) if text == OTHER else found
    elif found is not None and len(found) < category.level:
        raise AisleError(
            f"{where} at least {category.level} segments deep (catalogue.category.level); {text!r} is "
            f"{len(found)}. Below it are {some(sorted(_joined(nodes, found, category.level)))}."
        )
    if found is None:
        there = sorted(_joined(nodes, (), 1 if category.level == "tree" else category.level))
        raise AisleError(
            f"{where} one of the catalogue's; {text!r} is none. There are {some(there, 20)}. If it has "
            "another name now, data/category_changes.csv says so; if it is new, give a product of the "
            "catalogue's table that category first."
        )
    return found


def _joined(nodes: set[labels.Path], above: labels.Path, depth: int) -> set[str]:
    return {PATH_SEPARATOR.join(path) for path in nodes if len(path) == depth and path[: len(above)] == above}


def _laid(given: labels.Path, said: labels.Path) -> labels.Path:
    return given if given[: len(said)] == said else said


def decide(
    said: Sequence[tuple[Judgement, labels.Path]], level: Any
) -> tuple[dict[str, labels.Path], dict[str, list[tuple[str, labels.Path]]]]:
    """Return what counts of each product, and who said what where people disagree.

    Parameters
    ----------
    said
        Judgements in the order of the file, each with the node that it names.
    level
        Of `catalogue.category`: people who name the same category agree, however deep they went; of those
        the last one counts.

    Returns
    -------
    decided : dict
        Product to path.
    conflicts : dict
        Product to the persons and their paths, sorted by person.
    """
    of: dict[str, dict[str, tuple[datetime, int, labels.Path]]] = {}
    for place, (each, path) in enumerate(said):
        last = of.setdefault(each.product_id, {})
        if each.who not in last or (each.at, place) > last[each.who][:2]:
            last[each.who] = (each.at, place, path)
    decided, conflicts = {}, {}
    for product, last in of.items():
        votes = Counter(_category(path, level) for _, _, path in last.values())
        best = max(last.values(), key=lambda each: (votes[_category(each[2], level)], each[:2]))
        decided[product] = best[2]
        if len(votes) > 1:
            conflicts[product] = [(who, last[who][2]) for who in sorted(last)]
    return decided, conflicts


def _category(path: labels.Path, level: Any) -> labels.Path:
    return path if level == "tree" else path[:level]


def _notes(
    counts: Mapping[str, int],
    conflicts: Mapping[str, list[tuple[str, labels.Path]]],
    gone: list[str],
    file: str | Path,
) -> list[str]:
    notes = []
    if counts["labels_applied"]:
        notes.append(
            f"{counts['labels_applied']} products have people's labels ({file}): {counts['labels_new']} had "
            f"none before, {counts['labels_changed']} another category"
        )
    if conflicts:
        said = {
            product: "; ".join(f"{who}: {PATH_SEPARATOR.join(path)}" for who, path in each)
            for product, each in sorted(conflicts.items())
        }
        told = some(f"{product} ({each})" for product, each in said.items())
        notes.append(
            f"people disagree on {len(conflicts)} products: {told}; what most say counts, then the last word"
        )
    if gone:
        notes.append(f"{len(gone)} products of {file} are not in the catalogue: {some(gone)}; left out")
    return notes
