"""Drawn products for measurements: texts whose words follow Zipf's law, hashes, planted near-duplicates."""

import numpy as np
import pandas as pd

LETTERS = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
COPIES = 0.1
"""Share of the products that are another's near-duplicates, a word or some bits changed; 1 % are the same."""


def vocabulary(size: int, rng: np.random.Generator) -> np.ndarray:
    """Return words of 3 to 11 letters, each once, in the order in which they are drawn."""
    words = dict[str, None]()
    while len(words) < size:
        lengths = rng.integers(3, 12, size)
        letters = rng.choice(LETTERS, lengths.sum(), p=zipf(len(LETTERS), 0.8))
        words |= dict.fromkeys("".join(part) for part in np.split(letters, np.cumsum(lengths)[:-1]))
    return np.array([*words][:size], dtype=object)


def zipf(n: int, exponent: float) -> np.ndarray:
    """Return n probabilities, the k-th in proportion to k to the power of `-exponent`."""
    weights = 1 / np.arange(1, n + 1) ** exponent
    return weights / weights.sum()


def texts(n: int, seed: int = 0, words: int = 30) -> pd.Series:
    """Return n texts of about so many words; the vocabulary grows with the root of n (Heaps' law)."""
    rng = np.random.default_rng(seed)
    known = vocabulary(int(200 * n**0.5), rng)
    lengths = rng.integers(words // 2, words * 3 // 2, n)
    drawn = known[rng.choice(len(known), lengths.sum(), p=zipf(len(known), 1.0))]
    made = [[*part] for part in np.split(drawn, np.cumsum(lengths)[:-1])]
    for copy, original in rng.integers(0, n, (int(COPIES * n), 2)):
        made[copy] = [*made[original]]
        if rng.random() > 0.1:
            made[copy][rng.integers(len(made[copy]))] = str(rng.choice(known))
    return pd.Series([" ".join(each) for each in made], dtype=object)


def hashes(n: int, seed: int = 0) -> pd.Series:
    """Return n hexadecimal hashes of 256 bits, some near each other, one in fifty missing."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (n, 256), np.uint8)
    for copy, original in rng.integers(0, n, (int(COPIES * n), 2)):
        bits[copy] = bits[original]
        bits[copy, rng.choice(256, rng.integers(0, 40), False)] ^= 1
    made = pd.Series([row.tobytes().hex() for row in np.packbits(bits, axis=1)], dtype=object)
    made[rng.choice(n, n // 50, False)] = None
    return made
