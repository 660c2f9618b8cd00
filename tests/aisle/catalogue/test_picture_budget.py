"""catalogue/picture_budget.py: what costs far more than its bytes say is refused before it is decoded."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFile

from aisle.catalogue import images, picture_budget


def jpeg(side, progressive=True, quality=50, **options):
    pixels = np.random.default_rng(0).integers(0, 255, (side, side, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", progressive=progressive, quality=quality, **options)
    return file.getvalue()


def repeated(data, times):
    """Return a progressive JPEG whose last scan is there so many times."""
    start = data.rindex(b"\xff\xda")
    return data[:start] + data[start:-2] * times + data[-2:]


def decode(data, megapixels=100):
    return images.decode(io.BytesIO(data), 64, megapixels)


@pytest.fixture
def undecoded(monkeypatch):
    """Let the test fail where a picture is decoded."""
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("decoded"))


def test_scans_are_counted_and_those_of_a_thumbnail_in_the_metadata_are_not():
    assert picture_budget.count_scans(jpeg(64, progressive=False)) == 1
    whole = jpeg(64)
    assert picture_budget.count_scans(whole) == 10
    assert picture_budget.count_scans(repeated(whole, 30)) == 39
    inside = jpeg(64, exif=b"Exif\0\0" + whole)
    assert picture_budget.count_scans(inside) == 10
    assert picture_budget.count_scans(whole + whole) == 10  # a second picture after the first
    for cut in range(0, len(whole), 97):
        assert picture_budget.count_scans(whole[:cut]) <= 10


@pytest.mark.parametrize(("side", "times"), [(64, 200), (64, 20_000), (1500, 95)])
def test_repeated_scans_are_refused(undecoded, side, times):
    data = repeated(jpeg(side), times)
    with pytest.raises(images.UnreadablePictureError, match=r"too large: \d+ scans of \d megapixels"):
        decode(data, megapixels=100 if side < 100 else 10)


def test_an_ordinary_progressive_jpeg_is_accepted_up_to_the_limit():
    assert decode(jpeg(1000), megapixels=1)[1] == (1000, 1000)


@pytest.mark.parametrize("kind", ["WEBP", "PNG", "GIF", "BMP", "TIFF"])
def test_formats_that_are_decoded_whole_have_a_smaller_limit(undecoded, kind):
    file = io.BytesIO()
    Image.new("RGB", (700, 700), "red").save(file, kind)
    with pytest.raises(images.UnreadablePictureError, match=f"too large: 0 megapixels .*0.4 of {kind}"):
        decode(file.getvalue(), megapixels=1)


def test_a_small_webp_of_many_pixels_is_refused(undecoded):
    """3.9 KB took 1.5 GB."""
    file = io.BytesIO()
    Image.new("L", (7000, 7000)).save(file, "WEBP", quality=1, method=0)
    with pytest.raises(images.UnreadablePictureError, match=r"too large: 49 megapixels .* 40 of WEBP"):
        decode(file.getvalue())


def test_a_huge_file_is_not_read(undecoded, tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(64))
    with path.open("ab") as file:
        file.truncate(201_000_000)
    with pytest.raises(images.UnreadablePictureError, match="too large: 201 megabytes"):
        images.decode(path, 64, 100)


def test_scans_are_counted_where_a_jpeg_has_others_after_it(undecoded):
    """Pillow calls it MPO."""
    frame, file = Image.fromarray(np.zeros((64, 64, 3), np.uint8)), io.BytesIO()
    frame.save(file, "MPO", save_all=True, append_images=[frame])
    start = file.getvalue().index(b"\xff\xe2")
    length = 2 + int.from_bytes(file.getvalue()[start + 2 : start + 4], "big")
    data = repeated(jpeg(64), 200)
    data = data[:2] + file.getvalue()[start : start + length] + data[2:]
    assert Image.open(io.BytesIO(data)).format == "MPO"
    with pytest.raises(images.UnreadablePictureError, match=r"too large: \d+ scans"):
        decode(data)


@pytest.mark.parametrize("filling", [b"\xff", b"\xff\0", b"\xff\xfe\0\2"])
def test_a_long_way_to_the_pixels_is_not_gone(monkeypatch, tmp_path, filling):
    data = jpeg(64)
    assert decode(data[:2] + filling * 900 + data[2:])[1] == (64, 64)
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("opened"))
    (tmp_path / "a.jpg").write_bytes(data[:2] + filling * 20_000 + data[2:])
    with pytest.raises(images.UnreadablePictureError, match="more than 10,000 parts before its pixels"):
        images.decode(tmp_path / "a.jpg", 64, 100)
