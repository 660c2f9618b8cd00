"""A package as an MLflow pyfunc model. MLflow imports this to load it, and nothing else does.

Loaded, it takes rows of title, description, specifications (texts) and image (the bytes of a picture file),
each may be left out, and returns the table of `aisle.deployment.predictor.Predictor.predict`. A package
logged without its pretrained models says in `pretrained.json` where in MLflow they are.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from aisle.deployment import packaging
from aisle.deployment.logged_models import WHERE
from aisle.deployment.predictor import Predictor


class Model:
    """What MLflow calls.

    Parameters
    ----------
    predictor
        Of the package.
    """

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return predictions of raw products, one row each."""
        return self.predictor.predict(model_input)


def _load_pyfunc(path: str) -> Model:
    """Load a logged package; pretrained models that it lacks are fetched from MLflow's store.

    Random ones are not stored: they are looked for in models/pretrained/, by their digest.
    """
    import mlflow

    where = Path(path) / WHERE
    addresses = json.loads(where.read_text(encoding="utf-8")) if where.is_file() else {}
    folders = {
        name: mlflow.artifacts.download_artifacts(uri) if uri else f"models/{packaging.PRETRAINED}/{name}"
        for name, uri in addresses.items()
    }
    return Model(Predictor(path, folders))
