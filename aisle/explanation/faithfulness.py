"""Whether a map of a picture is faithful: without what it points at, the prediction must suffer."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from aisle.explanation.grad_cam import grad_cam, upsampled
from aisle.models.heads.relu_head import ReluHead


def hottest(heat: np.ndarray, share: float) -> np.ndarray:
    """Return a boolean mask of the given share of places with the highest values; of equal ones the first."""
    mask = np.zeros(heat.size, bool)
    mask[np.argsort(-heat.ravel(), kind="stable")[: round(share * heat.size)]] = True
    return mask.reshape(heat.shape)


def without(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return a picture, uint8 (height, width, 3), with its mean colour where `mask` is true."""
    result = picture.copy()
    result[mask] = np.round(picture.mean((0, 1))).astype(np.uint8)
    return result


def drops(
    head: ReluHead,
    encode: Callable[[Sequence[np.ndarray]], np.ndarray],
    pictures: Sequence[np.ndarray],
    index: np.ndarray,
    share: float,
    draws: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return by how much each class's log-probability drops without the hottest region, and a random one.

    Parameters
    ----------
    head
        On the pooled features.
    encode
        Pictures to last feature maps (n, h, w, channels).
    pictures
        n RGB pictures, uint8, at the backbone's side.
    index
        (n,): the class.
    share
        Of the picture that is replaced by its mean colour.
    draws, seed
        Random regions per picture. Each is the hottest share of noise on the map's grid, upsampled as the map
        is: as large, and of as few and as smooth patches.

    Returns
    -------
    tuple of numpy.ndarray
        (n,) each: without the hottest region; without a random one, mean over the draws.
    """
    rng = np.random.default_rng(seed)
    maps = encode(pictures)
    before = _log_probability(head, maps, index)
    heats, total = grad_cam(head, maps, index), np.zeros((1 + draws, len(pictures)))
    for number, picture in enumerate(pictures):
        grids = [heats[number], *rng.uniform(size=(draws, *maps.shape[1:3]))]
        masked = [without(picture, hottest(upsampled(grid, *picture.shape[:2]), share)) for grid in grids]
        total[:, number] = _log_probability(head, encode(masked), np.repeat(index[number], 1 + draws))
    return before - total[0], before - total[1:].mean(0)


def _log_probability(head: ReluHead, maps: np.ndarray, index: np.ndarray) -> np.ndarray:
    from scipy.special import log_softmax

    return log_softmax(head.scores(maps.mean((1, 2))), axis=1)[np.arange(len(maps)), index]


def difference(
    hot: np.ndarray, random: np.ndarray, confidence: float, n_resamples: int, seed: int
) -> dict[str, Any]:
    """Return the mean drops, and their mean difference with its interval (percentile bootstrap)."""
    from scipy.stats import bootstrap

    gain = hot - random
    result = {
        "n": len(gain),
        "drop_hottest": hot.mean(),
        "drop_random": random.mean(),
        "difference": gain.mean(),
    }
    if len(gain) > 1:
        interval = bootstrap(
            (gain,),
            np.mean,
            confidence_level=confidence,
            n_resamples=n_resamples,
            method="percentile",
            rng=np.random.default_rng(seed),
        ).confidence_interval
        result |= {"difference_low": interval.low, "difference_high": interval.high}
    return result
