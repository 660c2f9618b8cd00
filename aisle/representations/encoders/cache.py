"""What an encoder's vectors depend on beside the item, as the item cache must know it."""

from sklearn.base import BaseEstimator

from aisle.pipeline.item_cache import ItemCache


def item_cache(encoder: BaseEstimator, model: str) -> ItemCache:
    """Return the item cache of an encoder that learns nothing, or of the part of one that learns nothing.

    Parameters
    ----------
    encoder
        The encoder; its module and the arguments of its constructor are part of the key.
    model
        Digest of its exported model, or `none`.
    """
    options = {"options": encoder.get_params(deep=False), "model": model}
    return ItemCache(type(encoder).__module__, options)
