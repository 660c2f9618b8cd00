"""Combine the predictions of a text model and a picture model."""

import numpy as np
import pandas as pd

from aisle.predictions import PREFIX, categories, probabilities


def fuse(text: pd.DataFrame, picture: pd.DataFrame, picture_weight: float) -> pd.DataFrame:
    """Return the weighted mean of two models' log-probabilities, renormalised.

    A product that one model has no input for is predicted by the other alone.

    Parameters
    ----------
    text, picture
        Predictions tables with the same rows in the same order.
    picture_weight
        0 (text alone) to 1 (picture alone).
    """
    weight = np.where(picture["available"], np.where(text["available"], picture_weight, 1.0), 0.0)[:, None]
    logs = [np.log(np.clip(probabilities(table), 1e-12, None)) for table in (text, picture)]
    mixed = np.exp((1 - weight) * logs[0] + weight * logs[1])
    result = text.copy()
    result["available"] = text["available"] | picture["available"]
    result[[PREFIX + name for name in categories(text)]] = mixed / mixed.sum(axis=1, keepdims=True)
    return result
