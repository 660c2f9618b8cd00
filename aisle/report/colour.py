"""Colours of text that must be read on the page's light and on its dark background."""

import colorsys

LOW, HIGH = 0.15, 0.183
"""Relative luminance with a contrast of 4.5:1 on white, and of 3.6:1 on the darkest of the dark page."""


def luminance(colour: str) -> float:
    """Return the relative luminance (WCAG 2.2), 0 to 1, of `#rrggbb`."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def on_both(colour: str) -> str:
    """Return the colour, of the same hue, with a luminance between LOW and HIGH."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)))
    low, high, result = 0.0, 1.0, colour
    for _ in range(20):  # bisection: luminance rises with lightness
        if LOW <= luminance(result) <= HIGH:
            break
        low, high = (lightness, high) if luminance(result) < LOW else (low, lightness)
        lightness = (low + high) / 2
        parts = colorsys.hls_to_rgb(hue, lightness, saturation)
        result = "#" + "".join(f"{round(255 * part):02X}" for part in parts)
    return result
