"""Universal Sentence Encoder multilingual 3, re-quantised to 6 bits by a third party; not USE v4."""

from aisle.representations.encoders.text.transformer import SentenceEncoder


class UniversalSentenceEncoderMultilingual(SentenceEncoder):
    """Vectors of length 1, (n, 512), of texts in 16 languages (Yang et al. 2020); texts are not cut.

    Parameters
    ----------
    weights
        Folder of an export `use_multilingual`.
    precision
        `fp32` or, where the processor has it, `bf16`, `int8`.
    """

    export = "use_multilingual"


Encoder = UniversalSentenceEncoderMultilingual
