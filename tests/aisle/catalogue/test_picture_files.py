"""catalogue/picture_files.py: a picture is found inside its folder, and nowhere else."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aisle.catalogue.picture_files import PictureFolder, address_file, picture_file


@pytest.mark.parametrize("name", ["a.jpg", "./a.jpg", "sub/b.jpg", "sub/../a.jpg", "name with space.jpg"])
def test_a_picture_inside_the_folder_is_found(folder, name):
    found = picture_file(folder, name)
    assert found is not None and found.samefile(folder / name)


@pytest.mark.parametrize(
    "name",
    [None, "", "none.jpg", "../secret.jpg", "sub/../../secret.jpg", "link.jpg", ".", "sub", "a.jpg/x", "~"],
)
def test_anything_else_is_missing(folder, name):
    assert picture_file(folder, name) is None


def test_an_absolute_name_is_missing(folder):
    assert picture_file(folder, str(folder.parent / "secret.jpg")) is None


@pytest.mark.parametrize("name", ["x" * 300 + ".jpg", "a\0.jpg", "http://shop.example/" + "x" * 5000])
def test_a_name_that_no_file_can_have_is_missing(folder, name):
    assert picture_file(folder, name) is None


def test_a_folder_that_is_not_there_has_no_picture(tmp_path):
    assert picture_file(tmp_path / "none", "a.jpg") is None


@pytest.fixture
def shelf(tmp_path):
    """Return a folder of pictures that are named as only files are, and one beside it."""
    folder = tmp_path / "pictures"
    for name in (
        *(
            "UPPER.JPG",
            "my shoe.jpg",
            "caf\u00e9.jpg",
            "noext.jpg",
            "url.jpg",
            "100%25.jpg",
            "a.b.png",
            "shoe #1.jpg",
        ),
        *("sub/in-folder.jpg", "1/main.jpg", "2/main.jpg", "3/4/main.jpg", "root.jpg", "deep/root.jpg"),
        *("twin.jpg", "TWIN.JPG", "same.jpg", "same.png"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (tmp_path / "secret.jpg").write_text("secret")
    (folder / "sub/loop").symlink_to(folder, target_is_directory=True)
    (folder / "out").symlink_to(tmp_path, target_is_directory=True)
    (folder / "linked-secret.jpg").symlink_to(tmp_path / "secret.jpg")
    return PictureFolder(folder)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("upper.jpg", "UPPER.JPG"),
        ("my%20shoe.jpg", "my shoe.jpg"),
        ("my%2520shoe.jpg", "my shoe.jpg"),
        (" my shoe.jpg ", "my shoe.jpg"),
        ("cafe\u0301.jpg", "caf\u00e9.jpg"),
        ("CAFE\u0301.JPG", "caf\u00e9.jpg"),
        ("sub\\in-folder.jpg", "sub/in-folder.jpg"),
        ("C:\\pictures\\in-folder.jpg", "sub/in-folder.jpg"),
        ("/sub/in-folder.jpg", "sub/in-folder.jpg"),
        ("images/url.jpg", "url.jpg"),
        ("../../etc/url.jpg", "url.jpg"),
        ("noext", "noext.jpg"),
        ("images/NOEXT", "noext.jpg"),
        ("a.b", "a.b.png"),
        ("https://cdn.example.com/a/url.jpg?v=2", "url.jpg"),
        ("https://cdn.example.com/a/My%20Shoe.jpg#top", "my shoe.jpg"),
        ("//cdn.example.com/url.jpg", "url.jpg"),
        ("url.jpg?width=300", "url.jpg"),
        ("shoe #1.jpg", "shoe #1.jpg"),
        ("Shoe #1.JPG", "shoe #1.jpg"),
        ("100%25.jpg", "100%25.jpg"),
        ("https://cdn.example.com/2/main.jpg", "2/main.jpg"),
        ("4/main.jpg", "3/4/main.jpg"),
        ("Root.jpg", "root.jpg"),
        ("twin.jpg", "twin.jpg"),
        ("same.png", "same.png"),
    ],
)
def test_a_name_as_shops_write_it_finds_the_file(shelf, name, file):
    assert shelf.find(name) == ((shelf.path / file).resolve(), None)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (None, "no picture named"),
        (" ", "no picture named"),
        ("none.jpg", "file missing"),
        ("9/main.jpg", "several files fit: 1/main.jpg, 2/main.jpg, 3/4/main.jpg"),
        ("Twin.jpg", "several files fit: TWIN.JPG, twin.jpg"),
        ("same", "several files fit: same.jpg, same.png"),
        ("../secret.jpg", "file missing"),
        ("out/secret.jpg", "file missing"),
        ("linked-secret.jpg", "file missing"),
        ("LINKED-SECRET.JPG", "file missing"),
        ("http://[broken/x.jpg", "file missing"),
        ("%00.jpg", "file missing"),
        ("a\0b", "file missing"),
        ("x" * 5000, "file missing"),
        ("..", "file missing"),
        ("?", "file missing"),
        ("https://", "file missing"),
        ("\ud800.jpg", "file missing"),
    ],
)
def test_a_name_that_fits_none_or_several_is_told(shelf, name, problem):
    assert shelf.find(name) == (None, problem)


def test_the_folder_is_read_once_and_only_if_needed(shelf, monkeypatch):
    asked = []
    walk = os.walk
    monkeypatch.setattr(os, "walk", lambda path: asked.append(path) or walk(path))
    assert shelf.find("url.jpg")[0] and not asked
    assert all(shelf.find(f"{i}.jpg") == (None, "file missing") for i in range(50))
    assert len(asked) == 1
    assert not any("loop" in name or "out/" in name for name in shelf.names)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text() | st.text(alphabet="./\\%20?#:[]maina.jpg1", max_size=30))
def test_no_name_raises_or_leaves_the_folder(shelf, name):
    found, problem = shelf.find(name)
    assert (found is None) != (problem is None)
    assert found is None or found.is_relative_to(shelf.path.resolve())


@pytest.mark.parametrize(
    ("address", "file"),
    [
        ("https://CDN.example.com/a/My%20Shoe.jpg", "cdn.example.com/a/My Shoe.jpg"),
        ("http://x.org:8080/../../a.jpg", "x.org/a.jpg"),
        ("https://x.org/%2e%2e%2f%2e%2e%2fetc", "x.org/.._.._etc"),
        ("https://x.org/", "x.org/_"),
        ("https://[broken", "https_/[broken"),
    ],
)
def test_where_an_address_is_kept(address, file):
    assert address_file(address) == file


def test_addresses_that_differ_in_what_is_asked_for_are_kept_apart_and_found(shelf):
    addresses = [f"https://x.org/image.php?id={i}" for i in range(3)] + [f"https://x.org/{'n' * 400}.jpg"]
    files = [address_file(address) for address in addresses]
    assert len(set(files)) == 4 and all(len(name) < 256 for file in files for name in file.split("/"))
    for address, file in zip(addresses, files, strict=True):
        (shelf.path / file).parent.mkdir(parents=True, exist_ok=True)
        (shelf.path / file).write_text(address)
        assert shelf.find(address)[0].read_text() == address
