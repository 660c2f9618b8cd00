"""Grad-CAM (Selvaraju et al. 2017) of a backbone, global average pooling and a head of dense relu layers.

The pooled features are the last map's mean over h * w places, so the gradient of a class score with respect
to the map is that with respect to the features, divided by h * w, at every place. It follows exactly from the
head's weights, so that neither TensorFlow nor the backbone's own gradient is needed.
"""

from typing import Any

import cv2
import numpy as np

from aisle.models.heads.mlp import DenseHead
from aisle.models.heads.relu_head import ReluHead


def pooled_head(estimator: Any) -> ReluHead | None:
    """Return a model's estimator as what can be explained; None if it is no head of dense layers."""
    if isinstance(estimator, ReluHead):
        return estimator
    if isinstance(estimator, DenseHead):
        names = [f"hidden_{number}" for number in range(len(estimator.layers))] + ["logits"]
        weights, standard = estimator.weights_, estimator.scaler_[-1]
        layers = [(weights[f"{name}/kernel"], weights[f"{name}/bias"]) for name in names]
        root = estimator.scaling == "root"
        return ReluHead(estimator.classes_, standard.mean_, standard.scale_, layers, root)
    return None


def grad_cam(head: ReluHead, maps: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return Grad-CAM before its last relu, (n, h, w).

    Parameters
    ----------
    head
        On the pooled features.
    maps
        Last feature maps (n, h, w, channels).
    index
        (n,): the class whose score is explained.
    """
    maps = np.asarray(maps, np.float64)
    weights = head.gradient(maps.mean((1, 2)), index) / (maps.shape[1] * maps.shape[2])
    return np.einsum("nhwc,nc->nhw", maps, weights)


def upsampled(cam: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return a map (h, w) at the picture's size, bilinear."""
    return cv2.resize(cam.astype(np.float64), (width, height), interpolation=cv2.INTER_LINEAR)


def coloured(cam: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return a map (h, w) as an RGB picture, uint8: what speaks for the class from blue (none) to red."""
    heat = np.maximum(upsampled(cam, height, width), 0)
    scaled = np.round(255 * heat / heat.max()) if heat.max() > 0 else heat
    return cv2.cvtColor(cv2.applyColorMap(scaled.astype(np.uint8), cv2.COLORMAP_JET), cv2.COLOR_BGR2RGB)
