"""Word clouds as positions of words: the report draws them as SVG, in the colours of the page."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

WIDTH, HEIGHT = 480, 300
"""Of a cloud, in the units of its positions."""
COLUMNS = ["word", "size", "x", "y", "length", "vertical"]


def font_file() -> Path:
    """Return DejaVu Sans of Matplotlib, which wordcloud requires: the same on every machine."""
    spec = find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("matplotlib")
    return Path(spec.origin).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf"


def layout(weights: Mapping[str, float], n_words: int, seed: int) -> pd.DataFrame:
    """Return where each word stands; a word's size follows its weight.

    Parameters
    ----------
    weights
        Weight of each word, above 0.
    n_words
        At most so many, the heaviest; fewer where they find no room.
    seed
        Of the places.

    Returns
    -------
    pandas.DataFrame
        word, size (of the font), x and y (where its baseline begins, from the upper left), length (of the
        word along its baseline), vertical (read from below), the heaviest first.
    """
    from PIL import Image, ImageFont
    from wordcloud import WordCloud

    ordered = dict(sorted(weights.items(), key=lambda item: (-item[1], item[0]))[:n_words])
    if not ordered:
        return pd.DataFrame(columns=COLUMNS)
    font = str(font_file())
    cloud = WordCloud(
        font_path=font,
        width=WIDTH,
        height=HEIGHT,
        max_words=n_words,
        min_font_size=8,
        max_font_size=HEIGHT // 4,  # or the first word takes half of the room
        prefer_horizontal=0.9,
        random_state=seed,
        color_func=lambda *args, **kwargs: "white",  # the report colours the words
    ).generate_from_frequencies(ordered)
    rows = []
    for (word, _), size, (top, left), orientation, _ in cloud.layout_:
        face = ImageFont.truetype(font, size)
        # of the ink, from where the baseline begins; the cloud places the ink's upper left corner
        ink_left, ink_top, ink_right, _ = face.getbbox(word, anchor="ls")
        vertical = orientation == Image.Transpose.ROTATE_90
        x, y = (left - ink_top, top + ink_right) if vertical else (left - ink_left, top - ink_top)
        rows.append((word, size, int(x), int(y), round(face.getlength(word), 1), vertical))
    return pd.DataFrame(rows, columns=COLUMNS)
