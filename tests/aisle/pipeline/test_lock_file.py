"""pipeline/lock_file.py: a dvc.lock that was cut is put back."""

import pytest
from dvc.fs import localfs
from dvc.rwlock import RWLockFileCorruptedError, RWLockFileFormatError, _edit_rwlock
from dvc.schema import COMPILED_LOCKFILE_SCHEMA

from aisle.pipeline import lock_file
from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import read_yaml

WHOLE = """schema: '2.0'
stages:
  read:
    cmd: python -m stages.read
    deps:
    - path: products.csv
      md5: 0cc175b9c0f1b6a831c399e269772661
      size: 1
    outs:
    - path: data/products.parquet
      md5: 92eb5ffee6ae2fec3ad71c777531578f
      size: 1
"""


@pytest.fixture
def root(tmp_path):
    (tmp_path / "dvc.lock").write_text(WHOLE)
    lock_file.keep(tmp_path)
    return tmp_path


@pytest.mark.parametrize("cut", range(0, len(WHOLE), 3))
def test_cut_anywhere_it_is_whole_again_or_was_one_that_dvc_reads(root, cut):
    path = root / "dvc.lock"
    path.write_text(WHOLE[:cut])
    told = lock_file.restore(root)
    assert path.read_text() == (WHOLE if told else WHOLE[:cut])
    if not told:  # whole lines are left, and DVC reads these: it runs again what they lack
        COMPILED_LOCKFILE_SCHEMA(read_yaml(path))


@pytest.mark.parametrize(
    "content", ["", "\0" * 100, "[1]", "a: [", "schema: '2.0'\nstages:\n  read:\n", "\xff"]
)
def test_broken_it_is_replaced(root, content):
    (root / "dvc.lock").write_bytes(content.encode("latin-1"))
    assert "was broken" in lock_file.restore(root)
    assert (root / "dvc.lock").read_text() == WHOLE


def test_a_broken_one_is_never_kept(root):
    (root / "dvc.lock").write_text("")
    lock_file.keep(root)
    lock_file.restore(root)
    assert (root / "dvc.lock").read_text() == WHOLE


def test_whole_or_not_there_it_is_left_alone(root):
    assert lock_file.restore(root) is None
    (root / "dvc.lock").unlink()
    assert lock_file.restore(root) is None and not (root / "dvc.lock").exists()


def test_without_a_copy_the_way_out_is_told(tmp_path):
    (tmp_path / "dvc.lock").write_text("")
    with pytest.raises(AisleError, match=r"`git checkout dvc\.lock` gives the committed one"):
        lock_file.restore(tmp_path)


@pytest.mark.parametrize("content", [b"", b'{"write": {"/a', b"[]", b"\xff"])
def test_a_note_of_dvc_that_was_cut_is_removed(root, monkeypatch, content):
    """DVC itself stops at it, at every later command."""
    monkeypatch.setattr(lock_file, "PAUSE", 0)
    note = root / lock_file.READERS
    for whole in (b"{}", b'{"write": {}, "read": {}}'):
        note.write_bytes(whole)
        assert lock_file.restore(root) is None and note.read_bytes() == whole
    note.write_bytes(content)
    with pytest.raises((RWLockFileCorruptedError, RWLockFileFormatError, ValueError)), _edit(root):
        pass
    assert lock_file.restore(root) is None and not note.exists()
    with _edit(root):
        pass


def _edit(root):
    return _edit_rwlock(str(root / ".dvc/tmp"), localfs, False)
