"""data/text.parquet: every field of every product in five forms, and how many words each step leaves."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from aisle.catalogue import letters, preprocessing, specifications, text_forms, text_selection
from aisle.pipeline import table_batches
from aisle.pipeline.cores import in_processes

COLUMNS = ["product_id", "title", "description", "specifications"]
"""What of data/products.parquet is read."""


@dataclass
class FieldCounts:
    """What is counted of a field's texts.

    Attributes
    ----------
    before, after
        Words, and tokens that are kept.
    texts
        That are not empty.
    vocabulary
        Lemmas, each once.
    """

    before: int = 0
    after: int = 0
    texts: int = 0
    vocabulary: set[str] = field(default_factory=set)

    def totals(self, name: str) -> dict[str, Any]:
        """Return the figures of metrics/text.json of the field of this name."""
        return {
            f"{name}_words_before": self.before,
            f"{name}_words_after": self.after,
            f"{name}_reduction": 1 - self.after / self.before if self.before else 0.0,
            f"{name}_vocabulary": len(self.vocabulary),
        }


@dataclass
class Part:
    """Some products' rows of data/text.parquet and data/text_statistics.csv, and what was counted of them."""

    texts: pd.DataFrame
    statistics: pd.DataFrame
    counts: dict[str, FieldCounts]
    letters: letters.Letters


def preprocess(products: pd.DataFrame, params: text_forms.TextParams) -> Part:
    """Return what is made of products.

    Parameters
    ----------
    products
        `COLUMNS`.
    params
        Section `text`.

    Returns
    -------
    Part
        `texts`: a row per product: product_id, <field>_<form>. `statistics`: a row per product and field, by
        both: product_id, field, words_before, words_after, reduction.
    """
    fields = {
        "title": products["title"],
        "description": products["description"],
        "specifications": products["specifications"].map(specifications.as_text),
    }
    columns: dict[str, pd.Series] = {"product_id": products["product_id"]}
    statistics: list[pd.DataFrame] = []
    counts, counter = dict[str, FieldCounts](), letters.Letters()
    for name, raw in fields.items():
        forms = pd.DataFrame(
            preprocessing.preprocess_all(raw, params), columns=list(text_selection.FORMS), index=raw.index
        )
        columns |= {f"{name}_{form}": forms[form] for form in text_selection.FORMS}
        counted = text_forms.statistics(raw, forms["tokens"])
        statistics.append(counted.assign(product_id=products["product_id"], field=name))
        counts[name] = FieldCounts(
            int(counted["words_before"].sum()),
            int(counted["words_after"].sum()),
            int(forms["raw"].ne("").sum()),
            set(" ".join(forms["lemmas"]).split()),
        )
        counter.add(name, forms["raw"], forms["tokens"])
    table = pd.concat(statistics).sort_values(["product_id", "field"])
    order = ["product_id", "field", "words_before", "words_after", "reduction"]
    return Part(pd.DataFrame(columns), table[order], counts, counter)


def totals(
    parts: Iterable[tuple[dict[str, FieldCounts], letters.Letters]],
) -> tuple[dict[str, Any], list[str]]:
    """Return the figures of metrics/text.json, and warnings of fields of which little is left.

    Parameters
    ----------
    parts
        What was counted of each.
    """
    counts, counter = {name: FieldCounts() for name in text_selection.FIELDS}, letters.Letters()
    for own, found in parts:
        for name, each in own.items():
            of_all = counts[name]
            of_all.before, of_all.after = of_all.before + each.before, of_all.after + each.after
            of_all.texts += each.texts
            of_all.vocabulary |= each.vocabulary
        counter.update(found)
    figures: dict[str, Any] = {}
    for name, each in counts.items():
        figures |= each.totals(name)
    figures |= counter.totals()
    return figures, letters.warnings(figures, {name: each.texts for name, each in counts.items()})


def write(
    products: str | Path, params: text_forms.TextParams, texts: str | Path, statistics: str | Path
) -> tuple[dict[str, Any], list[str], str]:
    """Write the two tables, a part of the products in memory at a time for each processor.

    Parameters
    ----------
    products
        data/products.parquet, sorted by product_id.
    params
        Section `text`.
    texts, statistics
        Where to: data/text.parquet and data/text_statistics.csv.

    Returns
    -------
    totals, warnings
        See `totals`.
    catalogue : str
        Its label.
    """
    catalogue, count = table_batches.attrs(products)["catalogue"], table_batches.parts(products)
    preprocessing.preprocess_all([], params)  # spaCy is loaded once, before there are processes

    def made(number: int) -> Part:
        return preprocess(table_batches.read(products, number, COLUMNS), params)

    bar = partial(tqdm, desc="texts", unit="part", disable=None)
    counted = []
    with (
        table_batches.writing(texts, catalogue) as add,
        table_batches.writing_csv(statistics, catalogue) as add_statistics,
    ):
        for part in bar(in_processes(made, range(count)), total=count):
            add(part.texts)
            add_statistics(part.statistics)
            counted.append((part.counts, part.letters))
    return *totals(counted), catalogue
