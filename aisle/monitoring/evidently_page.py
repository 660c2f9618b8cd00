"""Evidently's page of the newest batch: columns, texts, pictures' quality and predictions.

It is to look at. What is an alarm is decided by tests whose false-alarm rate is known (drift/judge.py):
Evidently tests each column by itself, takes near-duplicates for independent, and corrects nothing.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from aisle.monitoring.observed import QUALITY, Observed

CURRENT, BEFORE, PAGE = "current.parquet", "reference.parquet", "page.html"
IDENTIFIER = re.compile(r"\b[0-9a-f]{32}\b|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<=_)[0-9a-f]{32}\b")


def columns(products: Observed) -> pd.DataFrame:
    """Return what the page compares: a row for each product."""
    facts: dict[str, object] = {name: products.quality[:, i] for i, name in enumerate(QUALITY)}
    facts["words"] = [len(text.split()) for text in products.texts]
    facts["distinct_words"] = [len({*text.split()}) for text in products.texts]
    facts["predicted"] = np.array(products.categories, object)[products.predicted]
    facts["confidence"] = products.probabilities.max(axis=1)
    facts |= {f"has_{name}": np.where(there, "yes", "no") for name, there in products.present.items()}
    return pd.DataFrame(facts)


def html(reference: Observed, batch: Observed) -> str:
    """Return the page; the same products give the same text.

    It is made by a process of its own: Evidently lists categories in the order of a set, and that of strings
    is another one in each process whose hashes are not fixed.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, products in ((CURRENT, batch), (BEFORE, reference)):
            columns(products).to_parquet(folder / file)
        environment = os.environ | {"PYTHONHASHSEED": "0", "DO_NOT_TRACK": "1"}
        command = [sys.executable, "-W", "ignore", "-m", __name__, name]  # of columns that never vary
        subprocess.run(command, env=environment, check=True)
        return stable((folder / PAGE).read_text(encoding="utf-8"))


def make(folder: Path) -> None:
    """Write the page of a folder's two tables into it."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset, DataSummaryPreset

    tables = [pd.read_parquet(folder / file) for file in (CURRENT, BEFORE)]
    filled = [name for name in tables[0] if all(each[name].notna().sum() > 1 for each in tables)]
    numbers = [name for name in filled if pd.api.types.is_numeric_dtype(tables[0][name])]
    definition = DataDefinition(
        numerical_columns=numbers, categorical_columns=[name for name in filled if name not in numbers]
    )
    current, before = (Dataset.from_pandas(each[filled], data_definition=definition) for each in tables)
    found = Report([DataDriftPreset(), DataSummaryPreset()]).run(current, before)
    found.save_html(str(folder / PAGE))


def stable(text: str) -> str:
    """Return a page whose random identifiers are numbered in the order of their first occurrence."""
    numbers: dict[str, str] = {}
    return IDENTIFIER.sub(lambda found: numbers.setdefault(found[0], f"id{len(numbers):030d}"), text)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
