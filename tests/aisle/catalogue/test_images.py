"""catalogue/images.py: pictures decoded safely, measured and stored at a bounded size."""

import hashlib
import io
import random
import struct
import subprocess
import sys
import zlib

import imagehash
import numpy as np
import pytest
from PIL import Image

from aisle.catalogue import images
from aisle.catalogue.picture_files import PictureFolder

PARAMS = images.ImagesParams(
    max_side=64,
    quality=90,
    max_megapixels=100,
    min_contrast=0.02,
    max_missing_share=0.5,
    shared={"min_share": 0.02, "min_products": 5, "max_in_category": 0.8},
)
RED, GREEN, BLUE, WHITE = (220, 30, 30), (30, 200, 30), (30, 30, 220), (255, 255, 255)


@pytest.fixture
def halves():
    """Return an upright 60 x 40 picture: the upper half red, the lower half blue."""
    pixels = np.empty((40, 60, 3), np.uint8)
    pixels[:20], pixels[20:] = RED, BLUE
    return Image.fromarray(pixels)


def near(pixel, colour, tolerance=25):
    return np.abs(np.array(pixel, int) - colour).max() <= tolerance


def row(folder, name, **changes):
    return images.prepare(("p1", 0, name), PictureFolder(folder), PARAMS.model_copy(update=changes))


def stored(prepared):
    assert not prepared.get("problem"), prepared["problem"]
    picture = Image.open(io.BytesIO(prepared["picture"]))
    assert (picture.format, picture.mode) == ("JPEG", "RGB")
    return picture


def exif_orientation(kind, count, value):
    """Return EXIF bytes whose orientation tag has this TIFF type, count and raw value."""
    return b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHI", 0x0112, kind, count) + value + b"\0" * 4


def png_header(width, height, depth, colour_type):
    """Return a PNG that claims a size and holds next to nothing."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + chunk(b"IEND", b"")
    )


# -------------------------------------------------------------------------------------- readable, somehow odd


def test_a_picture_is_re_encoded_at_a_bounded_size(tmp_path, halves):
    halves.resize((600, 400)).save(tmp_path / "a.png")
    prepared = row(tmp_path, "a.png")
    assert (prepared["width"], prepared["height"]) == (600, 400)
    picture = stored(prepared)
    assert picture.size == (64, 43)
    assert near(picture.getpixel((30, 5)), RED) and near(picture.getpixel((30, 38)), BLUE)
    assert prepared["sha256"] == hashlib.sha256(prepared["picture"]).hexdigest()


def test_a_small_picture_is_not_enlarged(tmp_path, halves):
    halves.save(tmp_path / "a.png")
    assert stored(row(tmp_path, "a.png")).size == (60, 40)


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1)])
def test_thin_pictures(tmp_path, size):
    Image.new("RGB", size, RED).save(tmp_path / "a.png")
    prepared = row(tmp_path, "a.png")
    assert (prepared["width"], prepared["height"]) == size
    assert stored(prepared).size == tuple(min(side, 64) for side in size)
    assert prepared["phash"] is None


def test_cmyk_jpeg(tmp_path, halves):
    halves.convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    picture = stored(row(tmp_path, "a.jpg"))
    assert near(picture.getpixel((30, 5)), RED) and near(picture.getpixel((30, 35)), BLUE)


def test_palette_with_transparency_lies_on_white(tmp_path):
    picture = Image.new("P", (60, 40), 0)
    picture.putpalette([0, 0, 0, *RED])
    picture.paste(1, (0, 0, 60, 20))
    picture.save(tmp_path / "a.png", transparency=0)
    picture = stored(row(tmp_path, "a.png"))
    assert near(picture.getpixel((30, 5)), RED) and near(picture.getpixel((30, 35)), WHITE)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_an_alpha_channel_lies_on_white(tmp_path, mode):
    picture = Image.new("RGBA", (60, 40), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (0, 0, 60, 20))
    picture.convert(mode).save(tmp_path / "a.png")
    picture = stored(row(tmp_path, "a.png"))
    assert near(picture.getpixel((30, 5)), (0, 0, 0)) and near(picture.getpixel((30, 35)), WHITE)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_the_first_frame_of_an_animation(tmp_path, form):
    frames = [Image.new("RGB", (60, 40), colour) for colour in (RED, GREEN, BLUE)]
    frames[0].save(tmp_path / "a", form, save_all=True, append_images=frames[1:], duration=10)
    assert near(stored(row(tmp_path, "a")).getpixel((30, 20)), RED)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("form", "mode"), [("JPEG", "RGB"), ("PNG", "RGB"), ("PNG", "P")])
def test_exif_orientation(tmp_path, halves, orientation, form, mode):
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    halves.paste(GREEN, (0, 0, 20, 20))  # the upper left corner tells every orientation apart
    saved = halves.transpose(undo[orientation]) if orientation > 1 else halves
    exif = Image.Exif()
    exif[0x0112] = orientation
    (saved.quantize(4) if mode == "P" else saved).save(tmp_path / "a", form, exif=exif)
    prepared = row(tmp_path, "a")
    assert (prepared["width"], prepared["height"]) == (60, 40)
    picture = stored(prepared)
    assert picture.size == (60, 40)
    assert near(picture.getpixel((5, 5)), GREEN) and near(picture.getpixel((50, 5)), RED)
    assert near(picture.getpixel((5, 35)), BLUE)
    assert 0x0112 not in picture.getexif()


def test_sixteen_bits_are_not_clipped_to_white(tmp_path):
    ramp = np.tile(np.linspace(0, 65535, 60).astype(np.uint16), (40, 1))
    Image.fromarray(ramp).save(tmp_path / "a.png")
    grey = np.asarray(stored(row(tmp_path, "a.png")).convert("L"), int)[20]
    np.testing.assert_allclose(grey, np.linspace(0, 255, 60), atol=4)


@pytest.mark.parametrize(
    ("kind", "top"),
    [
        (np.float32, 1),
        (np.float32, 255),
        (np.float32, 65535),
        (np.float32, 3e6),
        (np.int32, 255),
        (np.int32, 9e6),
    ],
)
@pytest.mark.parametrize("low", [0, -0.5])
def test_fractions_and_whole_numbers_are_scaled_and_not_black(tmp_path, kind, top, low):
    ramp = np.tile(np.linspace(low * top, (1 + low) * top, 60), (40, 1)).astype(kind)
    Image.fromarray(ramp).save(tmp_path / "a.tif")
    grey = np.asarray(stored(row(tmp_path, "a.tif")).convert("L"), int)[20]
    np.testing.assert_allclose(grey, np.linspace(0, 255, 60), atol=5)


def test_a_sixteen_bit_picture_of_eight_bits_is_not_black(tmp_path):
    ramp = np.tile(np.linspace(0, 255, 60).astype(np.uint16), (40, 1))
    Image.fromarray(ramp).save(tmp_path / "a.png")
    grey = np.asarray(stored(row(tmp_path, "a.png")).convert("L"), int)[20]
    np.testing.assert_allclose(grey, np.linspace(0, 255, 60), atol=5)


def test_numbers_that_are_none_are_black(tmp_path):
    pixels = np.full((40, 60), 0.5, np.float32)
    pixels[:20, :30], pixels[20:, :30] = np.nan, np.inf
    Image.fromarray(pixels).save(tmp_path / "a.tif")
    grey = np.asarray(stored(row(tmp_path, "a.tif")).convert("L"), int)
    assert grey[:, :25].max() < 30 and abs(grey[:, 35:] - 128).max() < 30


def test_a_picture_from_inside_a_table(tmp_path, halves):
    encoded = io.BytesIO()
    halves.save(encoded, "PNG")
    prepared = images.prepare(("p1", 2, encoded.getvalue()), PictureFolder(tmp_path), PARAMS)
    assert (prepared["place"], stored(prepared).size) == (2, (60, 40))
    broken = images.prepare(("p1", 3, b""), PictureFolder(tmp_path), PARAMS)
    assert broken == {"product_id": "p1", "place": 3, "problem": "not a picture in a known format"}


def test_a_rotated_sixteen_bit_picture_is_turned_once(tmp_path):
    pixels = np.zeros((60, 40), np.uint16)
    pixels[:, 20:] = 60000
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    prepared = row(tmp_path, "a.png")
    picture = stored(prepared)
    assert picture.size == (prepared["width"], prepared["height"]) == (60, 40)
    assert near(picture.getpixel((30, 5)), (0, 0, 0)) and near(picture.getpixel((30, 35)), (234, 234, 234))


@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey_and_black_and_white(tmp_path, mode):
    picture = Image.new("L", (60, 40), 0)
    picture.paste(255, (0, 0, 60, 20))
    picture.convert(mode).save(tmp_path / "a.png")
    picture = stored(row(tmp_path, "a.png"))
    assert near(picture.getpixel((30, 5)), WHITE) and near(picture.getpixel((30, 35)), (0, 0, 0))


@pytest.mark.parametrize(
    "exif",
    [
        exif_orientation(2, 2, b"6\0\0\0"),
        exif_orientation(3, 2, b"\0\6\0\6"),
        exif_orientation(5, 1, b"\0\0\xff\xff"),
        exif_orientation(3, 1, b"\0\x63\0\0"),
        exif_orientation(10, 1, b"\0\0\0\x26"),
    ],
    ids=["text", "two numbers", "fraction", "99", "signed"],
)
@pytest.mark.filterwarnings("ignore")
def test_a_broken_orientation_costs_the_picture_at_most(tmp_path, halves, exif):
    halves.save(tmp_path / "a.jpg", exif=exif)
    prepared = row(tmp_path, "a.jpg")
    assert prepared.get("problem") or stored(prepared).size == (prepared["width"], prepared["height"])


# ---------------------------------------------------------------------------------------------- unreadable


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"this is text", "not a picture in a known format"),
        (b"", "not a picture in a known format"),
        (b"\xff\xd8\xff", "not a picture|damaged"),
        (b"GIF89a", "not a picture|damaged"),
        (png_header(10, 10, 8, 2), "damaged: "),
    ],
)
def test_what_is_no_picture(tmp_path, content, problem):
    (tmp_path / "a.jpg").write_bytes(content)
    prepared = row(tmp_path, "a.jpg")
    assert prepared["product_id"] == "p1" and "picture" not in prepared
    assert any(prepared["problem"].startswith(start) for start in problem.split("|")), prepared["problem"]
    assert str(tmp_path) not in prepared["problem"]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"])
def test_a_truncated_picture_is_damaged(tmp_path, form):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8))
    noise.save(tmp_path / "whole", form)
    content = (tmp_path / "whole").read_bytes()
    (tmp_path / "cut").write_bytes(content[: len(content) // 2])
    assert row(tmp_path, "cut")["problem"].startswith("damaged: ")


@pytest.mark.parametrize(("name", "problem"), [(None, "no picture named"), ("none.jpg", "file missing")])
def test_no_picture(tmp_path, name, problem):
    assert row(tmp_path, name) == {"product_id": "p1", "place": 0, "problem": problem}


def test_a_picture_outside_the_folder_is_missing(tmp_path, halves):
    (tmp_path / "in").mkdir()
    halves.save(tmp_path / "a.png")
    for name in ("../a.png", str(tmp_path / "a.png")):
        assert row(tmp_path / "in", name)["problem"] == "file missing"


def test_a_picture_that_is_too_large_is_refused_with_its_size(tmp_path, halves):
    Image.new("1", (12000, 10000)).save(tmp_path / "a.png")
    assert row(tmp_path, "a.png")["problem"] == "too large: 120 megapixels to decode, at most 40 of PNG"
    halves.save(tmp_path / "b.png")
    assert row(tmp_path, "b.png", max_megapixels=0.002)["problem"].startswith("too large: ")


@pytest.mark.parametrize(("width", "height"), [(2**31 - 1, 2**31 - 1), (100_000, 100_000)])
def test_a_bomb_is_refused_before_it_is_decoded(tmp_path, width, height):
    (tmp_path / "a.png").write_bytes(png_header(width, height, 8, 6))
    assert row(tmp_path, "a.png")["problem"].partition(":")[0] in ("too large", "damaged")


def test_a_large_baseline_jpeg_is_decoded_at_a_reduced_scale(tmp_path, halves):
    halves.resize((2400, 1600)).save(tmp_path / "a.jpg")
    prepared = row(tmp_path, "a.jpg", max_megapixels=0.5)
    assert (prepared["width"], prepared["height"]) == (2400, 1600)
    assert stored(prepared).size == (64, 43)


def test_a_progressive_jpeg_counts_whole(tmp_path, halves):
    """Its decoder holds every coefficient, 2 to 6 bytes a pixel, at whatever scale it decodes."""
    halves.resize((2400, 1600)).save(tmp_path / "a.jpg", progressive=True)
    assert (
        row(tmp_path, "a.jpg", max_megapixels=0.5)["problem"]
        == "too large: 4 megapixels to decode, at most 0.5"
    )
    assert stored(row(tmp_path, "a.jpg", max_megapixels=4)).size == (64, 43)


PEAK = """
import resource, sys
from pathlib import Path
from aisle.catalogue import images
from aisle.catalogue.picture_files import PictureFolder
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
picture, size = images.decode(Path(sys.argv[1]), 512, 100)
assert size == (10000, 10000) and max(picture.size) <= 512
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_hundred_megapixels_take_little_memory(tmp_path, repo):
    Image.new("L", (10000, 10000), 99).save(tmp_path / "a.jpg", quality=50)
    command = [sys.executable, "-c", PEAK, str(tmp_path / "a.jpg")]
    done = subprocess.run(
        command, cwd=repo, env={"PYTHONPATH": str(repo)}, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 64, "MiB; the whole picture would take 100 to 400"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"])
@pytest.mark.filterwarnings("ignore")
def test_random_damage_never_raises_anything_else(tmp_path, halves, form):
    exif = Image.Exif()
    exif[0x0112] = 6
    halves.save(tmp_path / "whole", form, **({"exif": exif} if form in ("JPEG", "PNG", "WEBP") else {}))
    content, rng = (tmp_path / "whole").read_bytes(), random.Random(1)
    outcomes = set()
    for _ in range(120):
        damaged = bytearray(content)
        for _ in range(rng.choice([1, 4, 16])):
            damaged[rng.randrange(min(len(damaged), rng.choice([60, 200, 10**6])))] = rng.randrange(256)
        (tmp_path / "damaged").write_bytes(damaged)
        prepared = row(tmp_path, "damaged", max_megapixels=1)
        outcomes.add("problem" if prepared.get("problem") else "picture")
    assert outcomes == {"problem", "picture"}


# ------------------------------------------------------------------------------------ quality and batches


def test_quality_of_a_blank_picture():
    figures = images.quality(Image.new("RGB", (50, 30), (51, 51, 51)))
    assert figures == pytest.approx(
        {"brightness": 0.2, "contrast": 0, "sharpness": 0, "background": 1}, abs=1e-6
    )


def test_a_blank_picture_has_no_hash(tmp_path):
    Image.new("RGB", (50, 30), RED).save(tmp_path / "a.png")
    assert row(tmp_path, "a.png")["phash"] is None


def test_quality_of_a_checkerboard():
    board = np.indices((40, 40)).sum(0) % 2 * 255
    figures = images.quality(Image.fromarray(np.repeat(board[..., None], 3, 2).astype(np.uint8)))
    assert figures["brightness"] == pytest.approx(0.5)
    assert figures["contrast"] == pytest.approx(0.5)
    assert figures["sharpness"] > 10  # every pixel inside differs by 1 from its 4 neighbours: 4 squared
    assert figures["background"] <= 0.5


def test_background_is_the_share_of_the_border_colour():
    picture = Image.new("RGB", (40, 40), WHITE)
    picture.paste((0, 0, 0), (10, 10, 30, 30))
    assert images.quality(picture)["background"] == pytest.approx(0.75)


def test_sharpness_falls_with_blur(halves):
    small = halves.resize((6, 4)).resize((60, 40))
    assert images.quality(small)["sharpness"] < images.quality(halves)["sharpness"] / 2


def test_the_hash_is_of_256_bits_and_survives_re_encoding(tmp_path):
    rng = np.random.default_rng(0)
    first, second = (
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).resize((300, 200)) for _ in range(2)
    )
    first.save(tmp_path / "a.png")
    first.resize((150, 100)).save(tmp_path / "b.jpg", quality=60)
    second.save(tmp_path / "c.png")
    a, b, c = (imagehash.hex_to_hash(row(tmp_path, name)["phash"]) for name in ("a.png", "b.jpg", "c.png"))
    assert a.hash.size == 256
    assert a - b <= 24 < 80 < a - c


def test_all_rows_come_in_order_with_the_problems_in_place(tmp_path, halves):
    pairs = []
    for i in range(40):
        halves.resize((20 + i, 30)).save(tmp_path / f"{i}.png")
        pairs.append((f"p{i}", 0, None if i % 7 == 3 else f"{i}.png"))
    rows = list(images.prepare_all(pairs, PictureFolder(tmp_path), PARAMS))
    assert [row["product_id"] for row in rows] == [f"p{i}" for i in range(40)]
    assert [row.get("width") for row in rows] == [None if i % 7 == 3 else 20 + i for i in range(40)]
    assert rows[0] == images.prepare(("p0", 0, "0.png"), PictureFolder(tmp_path), PARAMS)
