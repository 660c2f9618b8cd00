"""A product's category path, from what a source has of it: text, a list or several columns."""

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from aisle.catalogue.fields import Spec
from aisle.catalogue.formats import json_records
from aisle.catalogue.markup import strip_html
from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import Section

Path = tuple[str, ...]
"""Segments from the root to the leaf."""
NONE = ("", "n/a", "na", "none", "null", "nan", "-", "?", "unknown", "uncategorized", "uncategorised")
"""Values that mean that a product has no category, in lower case."""
MOST = 100
"""Segments of a path, and items of a list: what has more is none, and would cost its square in time."""
_ARROW = re.compile("[>\u00bb\u203a\u2192|]+")
"""Separators that are no sign of a name; a path that has one inside a segment is written otherwise."""


class Category(Section):
    """Where the category comes from: section `catalogue.category`.

    Parameters
    ----------
    column
        A column with a path or a category, or several columns from the root to the leaf.
    separator
        Between a path's segments; None takes the text as the category itself.
    level
        How many segments make the category, from the root; `tree` takes of each path as much as has enough
        products (`aisle.catalogue.taxonomy.roll_up`).
    between
        Between several categories of a product, "" if there is never more than one; None finds out.
    lists
        Whether a list (Parquet, JSON) is a path or several categories; None finds out.
    several
        Which of several categories counts: the first, the deepest, or none (the row is refused).
    drop_root
        Whether the first segment says nothing, as a shop's `Default Category`.
    none
        More values that mean "no category", whatever their case.
    merge_variants
        Whether names that differ in case, space or spelling alone (`&amp;`, accents composed or not) are one
        category, named as most products have it.
    """

    column: Spec
    separator: str | None = None
    level: Annotated[int, Field(ge=1)] | Literal["tree"] = 1
    between: str | None = None
    lists: Literal["path", "several"] | None = None
    several: Literal["first", "deepest", "refuse"] = "first"
    drop_root: bool = False
    none: list[str] = Field(default_factory=list)
    merge_variants: bool = False

    @model_validator(mode="after")
    def _separators_differ(self) -> "Category":
        if self.separator and self.between and self.separator.strip() == self.between.strip():
            raise ValueError("separator (in a path) and between (of several) must differ")
        return self


@dataclass
class Labelled:
    """The path of each product, () where it has none, and what was found on the way.

    Parameters
    ----------
    paths
        One for each record.
    problems
        Place of a record to why it is refused.
    notes
        What a person should know, in words.
    several
        How many products have more than one category.
    """

    paths: list[Path]
    problems: dict[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    several: int = 0


def read_paths(columns: Sequence[Sequence[Any]], params: Category) -> Labelled:
    """Return the path of each record.

    Parameters
    ----------
    columns
        The values of each column of `params.column`, of n records.
    params
        What they mean.

    Raises
    ------
    AisleError
        If the separator is in no path.
    """
    cells = [
        _cell(row[0]) if len(row) == 1 else [[_clean(_text(value)) for value in row]]
        for row in zip(*columns, strict=True)
    ]
    result = Labelled([])
    for place, cell in enumerate(cells):
        if len(columns) == 1 and isinstance(cell, list) and len(cell) > MOST:
            result.problems[place] = f"its category is a list of {len(cell):,}; there may be {MOST}"
            cells[place] = ""
    if params.separator and len(columns) == 1:
        for place, cell in enumerate(cells):
            if isinstance(cell, str) and cell.startswith('["'):
                result.problems[place] = "its category path is a list that is cut"
                cells[place] = ""
    if len(columns) == 1:
        cells = _split(cells, params, result)
    none = {*NONE, *(value.strip().casefold() for value in params.none)}
    for place, options in enumerate(cells):
        paths = [path for path in (_path(option, none, params.drop_root) for option in options) if path]
        paths = list(dict.fromkeys(paths))
        result.several += len(paths) > 1
        if len(paths) > 1 and params.several == "refuse":
            result.problems[place] = f"it has {len(paths)} categories (catalogue.category.several)"
        if any(not all(path) for path in paths):
            result.problems[place] = "its category path has an empty segment"
        if (longest := max(map(len, paths), default=0)) > MOST:
            result.problems[place] = f"its category path has {longest:,} segments; there may be {MOST}"
            paths = []
        pick = max(paths, key=len) if params.several == "deepest" and paths else (paths or [()])[0]
        result.paths.append(pick)
    if result.several:
        rule = "they are refused" if params.several == "refuse" else f"the {params.several} counts"
        result.notes.append(
            f"{result.several} products have several categories; {rule} (catalogue.category.several)"
        )
    _name_variants(result, params.merge_variants)
    _tell_other_separators(result, (params.separator or "").strip())
    return result


def _tell_other_separators(result: Labelled, mark: str) -> None:
    """Tell of paths whose separator is written otherwise: as `&gt;`, or without the spaces around it."""
    if not _ARROW.fullmatch(mark):
        return
    found = [path for path in result.paths if any(mark in html.unescape(segment) for segment in path)]
    if found:
        example = next(segment for segment in found[0] if mark in html.unescape(segment))
        result.notes.append(
            f"the paths of {len(found)} products have the separator inside a segment, such as {example!r}: "
            "is it written as catalogue.category.separator says?"
        )


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str) else ""


def _clean(segment: str) -> str:
    return " ".join(segment.split())


def _cell(value: Any) -> Any:
    """Return a cell as text or as a list; a list that is written in JSON is one."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            found = json_records.loads(value)
        except ValueError:  # a category such as "[New] Lamps"
            return value
        return found if isinstance(found, list) else value
    return value


def _split(cells: list[Any], params: Category, result: Labelled) -> list[list[list[str]]]:
    """Return each record's categories, each as its segments."""
    separator = params.separator
    texts = [cell for cell in cells if isinstance(cell, str) and cell.strip()]
    lists = [cell for cell in cells if isinstance(cell, list)]
    items = [[_text(item) for item in cell] for cell in lists]
    flat = [*texts, *(item for each in items for item in each)]
    if separator and flat and not any(separator in text for text in flat):
        raise AisleError(
            f"the separator {separator!r} must occur in the paths of column {params.column!r}; it is in "
            f"none of {len(flat)}, the first is {flat[0]!r}. Set catalogue.category.separator (null if it is "
            "no path)."
        )
    between = params.between if params.between is not None else find_between(texts, separator)
    kind = params.lists or find_lists(items, separator)
    if between and params.between is None:
        result.notes.append(
            f"{between!r} is taken to stand between several categories (catalogue.category.between)"
        )
    if lists and params.lists is None and any(len(each) > 1 for each in items):
        meaning = "a path" if kind == "path" else "several categories"
        result.notes.append(f"a list of categories is taken as {meaning} (catalogue.category.lists)")

    def segments(text: str) -> list[str]:
        return [_clean(part) for part in (text.split(separator) if separator else [text])]

    def categories(cell: Any) -> list[list[str]]:
        if isinstance(cell, list):
            if any(isinstance(item, list) for item in cell):  # a list of paths
                return [[_clean(_text(part)) for part in item] for item in cell if isinstance(item, list)]
            each = [_text(item) for item in cell]
            return [[_clean(item) for item in each]] if kind == "path" else [segments(item) for item in each]
        text = _text(cell)
        return [segments(part) for part in (_apart(text, between) if between else [text])]

    return [categories(cell) for cell in cells]


def _apart(text: str, mark: str) -> list[str]:
    """Return a text split at a mark; one after a backslash is a part's own, as WooCommerce writes it."""
    if f"\\{mark}" not in text:
        return text.split(mark)
    return [part.replace(f"\\{mark}", mark) for part in re.split(rf"(?<!\\){re.escape(mark)}", text)]


def find_between(texts: Iterable[str], separator: str | None) -> str | None:
    """Return what stands between several paths of one product, None if nothing does.

    A comma does if what it parts are whole paths that begin at roots which paths without it have too, or if
    the parts are fewer than the texts with commas, so that they recur in other company. The comma of a name
    ("Bags, Wallets & Belts >> Bags") does neither.
    """
    if not separator:
        return None
    distinct = {*texts}
    for mark in (",", "|", ";"):
        if mark in separator or not (cells := [text for text in distinct if mark in text]):
            continue
        split = [[part.strip() for part in _apart(text, mark)] for text in cells]
        atoms = {part for parts in split for part in parts}
        roots = {text.split(separator)[0].strip() for text in distinct if mark not in text}
        roots |= {parts[0].split(separator)[0].strip() for parts in split}
        whole = all(
            separator in part and part.split(separator)[0].strip() in roots
            for parts in split
            for part in parts
        )
        if all(all(parts) for parts in split) and (whole or len(atoms) < len(cells)):
            return mark
    return None


def find_lists(items: list[list[str]], separator: str | None) -> Literal["path", "several"]:
    """Return what lists of categories are: several, if their items are paths or swap their places."""
    if separator and any(separator in item for each in items for item in each):
        return "several"
    pairs = {(each[i], each[j]) for each in items for i in range(len(each)) for j in range(i + 1, len(each))}
    return "several" if any((b, a) in pairs for a, b in pairs if a != b) else "path"


def _path(segments: list[str], none: set[str], drop_root: bool) -> Path:
    """Return a path without what means "none" at its end, () where nothing is left."""
    path = [*segments]
    if len(path) == 1 and path[0].casefold() in none:
        return ()
    while path and path[-1].casefold() in none:
        path.pop()
    return tuple(path[1:] if drop_root else path)


def _fold(name: str) -> str:
    """Return a name such that names which a person reads as the same are equal."""
    text = unicodedata.normalize("NFKC", strip_html(name)).casefold()
    return "".join(sign for sign in text if not sign.isspace() and unicodedata.category(sign) != "Cf")


def _name_variants(result: Labelled, merge: bool) -> None:
    """Tell of paths that differ in case, space or spelling alone, or make them one."""
    counts = Counter(path for path in result.paths if path)
    fold = {name: _fold(name) for path in counts for name in path}
    alike: dict[Path, list[Path]] = {}
    for path in sorted(counts):
        for depth in range(1, len(path) + 1):
            folded = tuple(fold[part] for part in path[:depth])
            names = alike.setdefault(folded, [])
            if path[:depth] not in names:
                names.append(path[:depth])
    variants = {folded: names for folded, names in alike.items() if len({name[-1] for name in names}) > 1}
    if not variants:
        return
    example = "; ".join(" = ".join(repr(name[-1]) for name in names) for names in list(variants.values())[:3])
    if not merge:
        result.notes.append(
            f"{len(variants)} categories have names that differ in case, space or spelling alone "
            f"({example}); catalogue.category.merge_variants: true makes them one"
        )
        return
    sizes: Counter[Path] = Counter()
    for path, n in counts.items():
        for depth in range(1, len(path) + 1):
            sizes[path[:depth]] += n
    best = {folded: max(names, key=lambda name: (sizes[name], name))[-1] for folded, names in alike.items()}

    def merged(path: Path) -> Path:
        folded = tuple(fold[part] for part in path)
        return tuple(best[folded[:depth]] for depth in range(1, len(path) + 1))

    result.paths = [merged(path) for path in result.paths]
    result.notes.append(
        f"{len(variants)} categories whose names differ in case, space or spelling alone are one each "
        f"({example})"
    )


def rename(paths: Sequence[Path], changes: dict[Path, Path]) -> tuple[list[Path], int]:
    """Return paths with categories renamed, and how many products that changes.

    Parameters
    ----------
    paths
        () where there is none.
    changes
        Old path to new path (() for none). The longest old path that begins a product's path is replaced, so
        that what lies below a renamed category moves with it.
    """
    result, changed = [], 0
    for path in paths:
        depth = next((d for d in range(len(path), 0, -1) if path[:d] in changes), 0)
        new = (
            changes[path[:depth]] + path[depth:] if depth and changes[path[:depth]] else () if depth else path
        )
        changed += new != path
        result.append(new)
    return result, changed


def propose_level(paths: Sequence[Path], level: int) -> str:
    """Return the words of an error about fewer than two categories: what level would give some."""
    depth = max((len(path) for path in paths), default=0)
    for each in range(1, depth + 1):
        found = {path[:each] for path in paths if len(path) >= each}
        if each != level and len(found) > 1:
            return f"catalogue.category.level: {each} gives {len(found)}"
    return "no level of the paths gives more: check catalogue.category.column and separator"
