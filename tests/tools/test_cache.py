"""tools/cache.py: what the item cache holds, and a new one."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from aisle.pipeline import item_cache

REPO = Path(__file__).parents[2]
MODULE = "aisle.representations.encoders.image.descriptors"


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("AISLE_CACHE", str(tmp_path / "items"))
    return tmp_path / "items" / item_cache.FILE


def fill(*sides):
    for side in sides:
        with closing(item_cache.ItemCache(MODULE, {"side": side})) as kept:
            kept.vectors([b"a", b"b"], lambda items: [[1.0] * 10_000 for _ in items])


def tool(what, **environment):
    command = [sys.executable, "tools/cache.py", what]
    environment = os.environ | {"PYTHONPATH": str(REPO)} | environment
    done = subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def test_info_counts_by_encoder(store):
    assert tool("info")[1].strip() == f"{store.parent}: empty"
    assert not store.exists()
    fill(64, 128)
    code, told = tool("info", AISLE_CACHE_GB="0.5")
    assert code == 0 and "4 items, 0.2 MB of 0.5 GB" in told
    lines = [line for line in told.splitlines() if "image.descriptors" in line]
    assert len(lines) == 2
    for line, side in zip(lines, (128, 64), strict=True):  # last used first
        assert f'"side": {side}' in line and "2" in line.split() and "0.1" in line.split()


def test_clear(store):
    fill(64)
    with closing(item_cache.ItemCache(MODULE, {})) as running:
        code, told = tool("clear")
        assert code == 0 and "empty" in told
        assert running.vectors([b"c"], lambda items: [[1.0]]) == 1  # a run that has it open goes on
    assert "0 items" in tool("info")[1]
    assert store.stat().st_size < 50_000


def test_a_damaged_store(store):
    fill(64)
    store.write_bytes(b"no database" * 1000)
    code, told = tool("info")
    assert code == 2 and told.startswith("error:") and "make cache-clear" in told
    assert tool("clear")[0] == 0 and not store.exists()
    fill(64)
    assert "2 items" in tool("info")[1]


def test_off():
    assert "off" in tool("info", AISLE_CACHE="off")[1]
    assert tool("clear", AISLE_CACHE="off")[0] == 0


def test_help():
    code, told = tool("--help")
    assert code == 0 and "info" in told and "clear" in told
