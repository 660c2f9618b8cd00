"""What a picture may cost to decode: bytes, pixels and scans, known before anything is decoded.

A few kilobytes can stand for gigabytes of pixels, or for minutes of work. The bounds are counts and not
seconds: on a slow machine, or a busy one, the same picture must be accepted.
"""

from typing import Any

MAX_MEGABYTES = 200
"""Of a file: ten times what a camera's largest JPEG has."""
WHOLE_SHARE = 0.4
"""Of the megapixels allowed, for formats that can be decoded at full size only: they take the same pixels,
but none of these is given back before they are scaled down, and alpha and palettes come on top."""
JPEG = ("JPEG", "MPO")
"""What Pillow calls a JPEG; it is MPO where others follow, as of a phone with two lenses."""
MAX_SCANS = 100
"""Of a JPEG; encoders make 1 to 20."""
MAX_STEPS = 10_000
"""Of Pillow through a JPEG to its pixels: segments, and bytes between them. It takes each step in Python."""
SCAN_SHARE = 20
"""A JPEG's scans, times its megapixels, may be this many times the megapixels allowed. Each scan goes over
all of the picture, 1 to 20 ms a megapixel."""


def too_costly(source: Any, data: Any, max_megapixels: float) -> str | None:
    """Return why an opened picture must not be decoded, in words, None if it may be.

    Parameters
    ----------
    source
        As Pillow opened it, not yet decoded and not yet scaled.
    data
        The file that it reads; where it stands in it is left as it was.
    max_megapixels
        Section `images`.
    """
    place = data.tell()
    megabytes = data.seek(0, 2) / 1e6
    data.seek(place)
    if megabytes > MAX_MEGABYTES:
        return f"too large: {megabytes:.0f} megabytes, at most {MAX_MEGABYTES}"
    megapixels = source.size[0] * source.size[1] / 1e6
    if source.format not in JPEG:
        limit = max_megapixels * WHOLE_SHARE
        if megapixels > limit:
            return f"too large: {megapixels:.0f} megapixels to decode, at most {limit:g} of {source.format}"
        return None
    data.seek(0)
    scans = count_scans(data.read())
    data.seek(place)
    if scans > 1 and megapixels > max_megapixels:  # every coefficient is held, whatever the scale
        return f"too large: {megapixels:.0f} megapixels to decode, at most {max_megapixels:g}"
    if scans > MAX_SCANS or (scans > 3 and scans * megapixels > SCAN_SHARE * max_megapixels):
        return f"too large: {scans} scans of {megapixels:.0f} megapixels to decode"
    return None


def slow_to_open(file: Any) -> str | None:
    """Return why a file must not even be opened as a picture, in words, None if it may be.

    Parameters
    ----------
    file
        Bytes that can be read; where it stands is left as it was.
    """
    start = file.tell()
    if file.read(2) == b"\xff\xd8" and steps_to_pixels(file.read()) > MAX_STEPS:
        file.seek(start)
        return f"too large: more than {MAX_STEPS:,} parts before its pixels"
    file.seek(start)
    return None


def steps_to_pixels(data: bytes) -> int:
    """Return the steps through a JPEG, without its first two bytes, to its pixels; few above `MAX_STEPS`."""
    place = steps = 0
    while steps <= MAX_STEPS and (found := data.find(b"\xff", place)) >= 0 and found + 4 <= len(data):
        steps += 1 + found - place
        marker, place = data[found + 1], found + 1
        if marker == 0xDA:
            break
        if marker not in (0x00, 0x01, 0xFF) and not 0xD0 <= marker <= 0xD8:
            place += 1 + int.from_bytes(data[found + 2 : found + 4], "big")
    return steps


def count_scans(data: bytes) -> int:
    """Return how many scans the first picture of a JPEG file has; those in its metadata do not count."""
    place, scans = 2, 0
    while (place := data.find(b"\xff", place)) >= 0 and place + 4 <= len(data):
        marker = data[place + 1]
        if marker == 0xD9:  # the picture's end: others may follow it
            break
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD8:  # of the scan's data, or filling
            place += 1 if marker == 0xFF else 2
            continue
        scans += marker == 0xDA
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return scans
