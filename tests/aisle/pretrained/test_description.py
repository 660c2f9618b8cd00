"""description.py: what weights.json says of a folder of exported models."""

import pytest

from aisle.pipeline.errors import AisleError
from aisle.pretrained import description, status
from aisle.pretrained.sources import WeightsParams

FILES = {
    "a.h5": {"sha256": "a" * 64, "megabytes": 59},
    "b.h5": {"sha256": "b" * 64, "megabytes": 0.5},
    "vocabulary.txt": {"sha256": "c" * 64, "megabytes": 1, "learned": False},
}


def params(**changes):
    about = {"export": "transformer", "source": "official", "revision": "r", "licence": "MIT", "files": FILES}
    return WeightsParams(**about | changes)


@pytest.fixture
def exported(tmp_path):
    """Return a folder of exported models."""
    (tmp_path / "net/tokens").mkdir(parents=True)
    (tmp_path / "net/model.bin").write_bytes(b"weights")
    (tmp_path / "net/tokens/vocabulary.txt").write_text("word")
    return tmp_path / "net"


def test_its_size_is_that_of_the_files_that_hold_weights(exported):
    found = description.describe(params(), {"side": 224}, exported)
    assert found.megabytes == 59.5
    assert (found.source, found.revision, found.licence, found.export) == (
        "official",
        "r",
        "MIT",
        "transformer",
    )
    assert found.facts == {"side": 224} and found.available


@pytest.mark.parametrize("change", ["content", "name", "more"])
def test_the_digest_is_of_names_and_contents(exported, change):
    first = description.describe(params(), {}, exported).model
    assert description.describe(params(), {}, exported).model == first
    if change == "content":
        (exported / "model.bin").write_bytes(b"other")
    elif change == "name":
        (exported / "model.bin").rename(exported / "net.bin")
    else:
        (exported / "more.bin").write_bytes(b"")
    assert description.describe(params(), {}, exported).model != first


def test_absent_weights_have_no_files_and_cannot_be_run(tmp_path):
    found = description.describe(params(source="absent"), {}, tmp_path)
    assert (found.label, found.model, found.available) == (status.ABSENT, status.NONE, False)


def test_it_is_read_as_it_was_written(exported):
    found = description.describe(params(), {"side": 224}, exported)
    description.write(found, exported)
    assert description.read(exported) == found


def test_what_describes_encoders_without_weights_is_in_git(repo):
    found = description.read(repo / "models/pretrained/none")
    assert found == description.Weights(status.NONE, "none")


def test_a_folder_without_one_is_named(tmp_path):
    with pytest.raises(AisleError, match=r"must hold weights\.json; it does not"):
        description.read(tmp_path)
