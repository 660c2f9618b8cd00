"""How outputs name their catalogue, so that the built-in one is never taken for a real one."""

import pandas as pd

SAMPLE_ID_PREFIX = "aisle-sample-"
"""Every id of the built-in catalogue starts so; nothing else tells it from a real one."""


def catalogue_label(name: str, ids: pd.Series) -> str:
    """Return how outputs name the catalogue: its name, with "(synthetic)" for the built-in one."""
    return f"{name} (synthetic)" if ids.str.startswith(SAMPLE_ID_PREFIX).all() else name


def is_synthetic(label: str) -> bool:
    """Whether a label made by `catalogue_label` is the built-in catalogue's."""
    return label.endswith("(synthetic)")
