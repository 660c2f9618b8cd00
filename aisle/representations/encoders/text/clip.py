"""CLIP's text tower: a text beside pictures in one space."""

import html

import ftfy

from aisle.representations.encoders.text.transformer import SentenceEncoder


class ClipText(SentenceEncoder):
    """Vectors of length 1, (n, dimension) (Radford et al. 2021); each text is cut or padded to 77 tokens.

    Parameters
    ----------
    weights
        Folder of an export `clip`.
    precision
        `fp32` or, where the processor has it, `bf16`, `int8`.
    """

    export = "clip"
    model = "text.xml"

    def clean(self, text: str) -> str:
        """Return the text without markup's entities and broken characters, as CLIP's own tokeniser does."""
        return " ".join(html.unescape(html.unescape(ftfy.fix_text(text))).split())


Encoder = ClipText
