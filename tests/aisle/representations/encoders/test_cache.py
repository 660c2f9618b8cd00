"""representations/encoders/cache.py: what makes the item cache's key of an encoder another one."""

from contextlib import closing

import pytest

from aisle.representations.encoders.cache import item_cache
from aisle.representations.encoders.image.descriptors import Descriptors
from aisle.representations.encoders.image.visual_words import VisualWords


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("AISLE_CACHE", str(tmp_path / "items"))


def asked(encoder, model="none"):
    """Return whether an item must be computed."""
    items = []
    with closing(item_cache(encoder, model)) as kept:
        kept.get([b"a"], lambda new: items.extend(new) or [b"x"])
    return bool(items)


@pytest.mark.parametrize(
    ("encoder", "model"),
    [(Descriptors(64), "none"), (Descriptors(), "0a1b"), (VisualWords().local, "none")],
    ids=["options", "model", "encoder"],
)
def test_the_key_has_encoder_options_and_model(encoder, model):
    assert asked(Descriptors()) and not asked(Descriptors())
    assert asked(encoder, model) and not asked(encoder, model)
