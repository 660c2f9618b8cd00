"""pipeline/item_cache.py: what is computed of one item at a time is kept between runs, never a wrong one."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from aisle.pipeline import item_cache
from aisle.pipeline.errors import AisleError

REPO = Path(__file__).parents[3]


MODULE = "aisle.representations.encoders.text.bow"


class Spy:
    """Three figures of a text, and how many were asked for; to the cache, the code of another encoder."""

    def __init__(self, dimension=3, module=MODULE, expendable=False, **options):
        self.dimension = dimension
        self.module = module
        self.expendable = expendable
        self.options = options
        self.encoded = []

    def transform(self, items):
        self.encoded += items
        return np.array([np.arange(self.dimension) * len(item) + 1 / 3 for item in items])  # float64

    def cache(self):
        return closing(item_cache.ItemCache(self.module, self.options, self.expendable))


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("AISLE_CACHE", str(tmp_path / "items"))
    return tmp_path / "items" / item_cache.FILE


def encode(items, encoder=None):
    """Return the vectors and what had to be encoded, in one run."""
    encoder = encoder or Spy()
    encoder.encoded = []
    with encoder.cache() as kept:
        vectors = kept.vectors(items, encoder.transform)
    return vectors, encoder.encoded


def count(store):
    with closing(sqlite3.connect(store)) as connection:
        return connection.execute("SELECT COUNT(*) FROM item").fetchone()[0]


def count_so_far(store):
    """Return the number of items while another process may be making the store."""
    try:
        return count(store) if store.exists() else 0
    except sqlite3.OperationalError:
        return 0


def test_only_what_is_new_is_encoded_and_row_i_is_of_item_i():
    cold, encoded = encode(["a", "bb", "a", "ccc"])
    assert encoded == ["a", "bb", "ccc"] and cold.dtype == np.float32
    warm, encoded = encode(["dddd", "ccc", "a", "a"])
    assert encoded == ["dddd"]
    np.testing.assert_array_equal(warm[1:], cold[[3, 0, 0]])
    np.testing.assert_array_equal(warm, Spy().transform(["dddd", "ccc", "a", "a"]).astype(np.float32))


def test_a_vector_survives_bit_for_bit():
    odd = np.array([[np.nan, -0.0, np.inf, 1e-45, 0.1]], np.float32)
    for _ in range(2):
        with Spy().cache() as kept:
            assert kept.vectors([b"\x00"], lambda items: odd).tobytes() == odd.tobytes()


def test_bytes_of_any_length_are_kept_as_they_are():
    asked = []

    def compute(items):
        asked.extend(items)
        return [item * 3 for item in items]

    for _ in range(2):
        with Spy().cache() as kept:
            assert kept.get([b"ab", b"", b"ab"], compute) == [b"ababab", b"", b"ababab"]
    assert asked == [b"ab", b""]


@pytest.mark.parametrize(
    ("encoder", "item"),
    [(Spy(), "b"), (Spy(side=64), "a"), (Spy(module="aisle.representations.encoders.text.tfidf"), "a")],
    ids=["content", "options", "module"],
)
def test_the_key_has_content_options_and_module(encoder, item):
    encode(["a"])
    assert encode(["a"])[1] == []
    assert encode([item], encoder)[1] == [item]
    assert encode([item], encoder)[1] == []


def test_the_key_has_the_code(monkeypatch):
    encode(["a"])
    monkeypatch.setattr(item_cache, "code_version", lambda module: "another")
    assert encode(["a"])[1] == ["a"]


def test_off(store, monkeypatch):
    monkeypatch.setenv("AISLE_CACHE", "off")
    assert encode(["a"])[1] == encode(["a"])[1] == ["a"]
    assert not store.exists()


def test_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("AISLE_CACHE", "")
    assert (
        item_cache.folder() == Path(".cache/items")
        and item_cache.folder(tmp_path) == tmp_path / ".cache/items"
    )
    monkeypatch.setenv("AISLE_CACHE", "/else")
    assert item_cache.folder(tmp_path) == Path("/else")


@pytest.mark.parametrize("bound", ["0", "-1", "much", "nan", "inf", "."])
def test_the_bound_must_be_a_number(monkeypatch, bound):
    monkeypatch.setenv("AISLE_CACHE_GB", bound)
    with pytest.raises(AisleError, match="AISLE_CACHE_GB must be a positive number"):
        encode(["a"])


def test_the_store_is_bounded_and_the_encoder_unused_for_longest_loses_first(store, monkeypatch):
    monkeypatch.setenv("AISLE_CACHE_GB", "0.001")
    encode(["old"], Spy(name="old", dimension=3))
    big = Spy(dimension=1000)
    texts = [str(number) for number in range(1000)]  # 4 MB
    with big.cache() as kept:
        for start in range(0, 1000, 20):
            kept.vectors(texts[start : start + 20], big.transform)
            with closing(item_cache.connect(store.parent)) as connection:
                assert item_cache.used_bytes(connection) <= 1e6
    assert store.stat().st_size < 1.2e6
    assert 150 < count(store) < 250
    assert encode(texts[-100:], big)[1] == []
    assert encode(texts[:20], big)[1] == texts[:20]
    assert encode(["old"], Spy(name="old"))[1] == ["old"]


def test_what_is_expendable_goes_first(store, monkeypatch):
    monkeypatch.setenv("AISLE_CACHE_GB", "0.001")
    encode([str(number) for number in range(100)], Spy(dimension=1000))  # 0.4 MB
    parts = Spy(name="parts", dimension=50_000, expendable=True)
    for number in range(6):  # 0.2 MB each; used last
        encode([str(number)], parts)
    assert encode([str(number) for number in range(100)], Spy(dimension=1000))[1] == []
    assert encode(["5"], parts)[1] == [] and encode(["0"], parts)[1] == ["0"]


def test_a_batch_above_the_bound_is_encoded_all_the_same(monkeypatch):
    monkeypatch.setenv("AISLE_CACHE_GB", "0.00001")
    assert encode(["a", "b"])[0].shape == (2, 3)
    assert encode(["a", "b"])[1] == ["a", "b"]


def overwrite(store):
    store.write_bytes(b"not a database" * 1000)


def other_tables(store):
    store.unlink()
    with closing(sqlite3.connect(store)) as connection:
        connection.execute("CREATE TABLE item (id)")


def cut(store):
    store.write_bytes(store.read_bytes()[:-5000])


def folder_instead(store):
    store.unlink()
    store.mkdir()


def file_instead_of_folder(store):
    store.unlink()
    store.parent.rmdir()
    store.parent.write_text("")


@pytest.mark.parametrize("damage", [overwrite, other_tables, cut, folder_instead, file_instead_of_folder])
def test_a_damaged_store_is_one_warning_and_encoding_goes_on(store, capsys, damage):
    texts = [str(number) for number in range(200)]
    right, _ = encode(texts, Spy(dimension=200))
    damage(store)
    encoder = Spy(dimension=200)
    with encoder.cache() as kept:
        found = np.vstack(
            [kept.vectors(texts[start : start + 50], encoder.transform) for start in (0, 50, 100, 150)]
        )
    np.testing.assert_array_equal(found, right)
    told = capsys.readouterr().err
    assert told.count("warning:") == 1 and "make cache-clear" in told


def test_a_changed_vector_is_encoded_again(store):
    right, _ = encode(["a", "b"])
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("UPDATE item SET vector = ZEROBLOB(12) WHERE id = 1")
    found, encoded = encode(["a", "b"])
    assert encoded == ["a"]
    np.testing.assert_array_equal(found, right)
    assert encode(["a", "b"])[1] == []


RUN = f"""
import sys, time
import numpy as np
sys.path.insert(0, {str(REPO)!r})
from contextlib import closing
from aisle.pipeline.item_cache import ItemCache
first, batches, dimension = map(int, sys.argv[1:])
with closing(ItemCache({MODULE!r}, dict())) as kept:
    for batch in range(batches):
        items = [str(first + 10 * batch + i) for i in range(10)]
        kept.vectors(items, lambda new: np.array([[int(item)] * dimension for item in new]))
"""


def start(*numbers):
    command = [sys.executable, "-c", RUN, *map(str, numbers)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def expect(items, dimension, to_encode):
    """Check that the store gives each item's own vector, and which are not there."""
    encoded = []

    def transform(new):
        encoded.extend(new)
        return np.array([[int(item)] * dimension for item in new])

    with closing(item_cache.ItemCache(MODULE, {})) as kept:
        found = kept.vectors([str(item) for item in items], transform)
    np.testing.assert_array_equal(found, np.repeat(np.array(items, np.float32)[:, None], dimension, axis=1))
    assert len(encoded) == to_encode


def test_several_runs_share_a_store_from_its_making_on(store):
    """Three at once, of which two encode the same; the file is not there when they start."""
    runs = [start(first, 40, 2000) for first in (0, 200, 200)]
    assert [run.communicate()[1] for run in runs] == ["", "", ""]
    assert count(store) == 600
    expect(range(600), 2000, 0)


def test_a_killed_run_loses_at_most_its_batch(store):
    for attempt in range(3):
        before = count_so_far(store)
        run = start(attempt * 100_000, 5000, 5000)
        deadline = time.monotonic() + 60
        while run.poll() is None and time.monotonic() < deadline:
            if count_so_far(store) >= before + 20:
                break
            time.sleep(0.005)
        os.kill(run.pid, signal.SIGKILL)
        assert run.wait() == -signal.SIGKILL
        run.stderr.close()
        kept = count(store) - before
        assert kept >= 20 and kept % 10 == 0
        expect(range(attempt * 100_000, attempt * 100_000 + kept), 5000, 0)
    with closing(sqlite3.connect(store)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
