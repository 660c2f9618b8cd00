"""Every check for leaks, one after another."""

from typing import Any

import pandas as pd

from aisle.evaluation.leakage.base import COLUMNS, Check, Evidence, LeakageParams
from aisle.evaluation.leakage.duplicates import across_folds
from aisle.evaluation.leakage.names_in_text import category_names, category_paths
from aisle.evaluation.leakage.optimism import optimism
from aisle.evaluation.leakage.single_word import single_words

CHECKS: tuple[Check, ...] = (across_folds, category_names, category_paths, single_words, optimism)
"""In the order of the rows of reports/leakage.csv."""
DATA = ("duplicates_suspected", "name_suspected", "path_suspected", "word_suspected")
"""Verdicts on the data and the folds; that on ungrouped folds says what another study would gain."""
KINDS = {name: object if name in ("word", "suspected") else float for name in COLUMNS[2:]}


def run(evidence: Evidence, params: LeakageParams) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the rows of reports/leakage.csv and the entries of metrics/leakage.json, of every check.

    Raises
    ------
    AisleError
        If the tables do not have the same products: names them.
    """
    evidence = evidence.aligned()
    findings = [check(evidence, params) for check in CHECKS]
    rows = [finding.rows.reindex(columns=COLUMNS).astype(KINDS) for finding in findings]
    figures: dict[str, Any] = {}
    for finding in findings:
        figures |= finding.figures
    suspected = any(figures[name] for name in DATA)
    return pd.concat(rows, ignore_index=True), {"suspected": suspected} | figures
