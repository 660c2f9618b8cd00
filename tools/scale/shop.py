"""An invented shop of any size: a tree of categories with a Zipf tail, and products drawn block by block.

Block k of a shop depends on the seed and on k alone, so that a catalogue of N products is the first N of any
larger one, and memory holds one block.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from tools.scale import drawn

BLOCK = 4096
"""Products drawn at a time."""
BRANCHES = (8, 4, 4)
"""Children of each node on the way from the root to the leaves: 8 + 32 + 128 nodes."""
SHARED = 6000
"""Words that all products have in common."""
POOLS = (160, 80, 40)
"""Words of a node at each depth; half of them are drawn from its parent's, so that siblings share some."""
LONGEST, SHORTEST = 44, 16
"""Words of a description."""
TITLE = 4
OWN_WORDS = (0.07, 0.05, 0.05)
"""Share of a description's words that come from the node's pool at each depth; the rest is shared."""
VAGUE = 0.06
"""Share of the products whose texts have shared words alone."""
MISLABELLED, UNLABELLED = 0.02, 0.01
"""Shares of the products that are filed under another leaf, or under none."""
COPIES = 0.08
"""Share of the products that are near-duplicates of an earlier one of their block."""
KINDS = ("text", "picture", "both")
KIND_SHARES = (0.5, 0.2, 0.3)
SAME = 0.1
"""Share of the copied texts, and of the copied pictures, that are the very same."""
BRANDS = 300
ID_BITS, ID_FACTOR = 40, 0x9E3779B97F4A7C15 % 2**40 | 1
"""Multiplying by an odd number permutes 0 to 2^40 - 1: ids in sorted order say nothing of the block."""
PUBLISHED = np.datetime64("2024-01-01")
DAYS = 1000


@dataclass
class Block:
    """Products of a shop, in the order in which they are drawn.

    Parameters
    ----------
    products
        id, title, description, category (path, None where it is filed under none), brand, price (NaN where
        there is none), specifications, date.
    leaf
        Number of the leaf that each product really belongs to, (n,).
    original
        Place in the block of the product that each is a near-duplicate of, its own if of none, (n,).
    kind
        Place in `KINDS` of what is copied, (n,); without meaning where nothing is.
    """

    products: pd.DataFrame
    leaf: np.ndarray
    original: np.ndarray
    kind: np.ndarray

    @cached_property
    def copied(self) -> np.ndarray:
        """Whether each product is another's near-duplicate, (n,)."""
        return self.original != np.arange(len(self.original))


class Shop:
    """What all products of a shop have in common: tree, words, brands, prices.

    Parameters
    ----------
    seed
        Of everything; shops of two seeds have nothing in common but their shape.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        rng = np.random.default_rng([seed, 0])
        sizes = np.cumprod(BRANCHES)
        own = [pool // (2 if depth else 1) for depth, pool in enumerate(POOLS)]
        total = SHARED + int(np.dot(sizes, own)) + int(sizes.sum()) + BRANDS
        words = drawn.vocabulary(total, rng)
        shared, *parts, names, brands = np.split(words, np.cumsum([SHARED, *(sizes * own), sizes.sum()]))
        self.words = np.concatenate([words, words + "."])
        self.brands = np.char.capitalize(brands.astype(str)).astype(object)
        starts = np.cumsum([0, len(shared), *map(len, parts)])[1:]
        self.pools: list[np.ndarray] = []  # of each depth, (nodes, words): places in `words`
        for depth, (start, nodes) in enumerate(zip(starts, sizes, strict=False)):
            pool = start + np.arange(nodes * own[depth]).reshape(nodes, -1)
            if depth:
                parents = self.pools[-1].repeat(BRANCHES[depth], axis=0)
                pool = np.hstack([pool, rng.permuted(parents, axis=1)[:, : POOLS[depth] - own[depth]]])
            self.pools.append(rng.permuted(pool, axis=1))
        titles = np.split(np.char.capitalize(names.astype(str)), np.cumsum(sizes)[:-1])
        ways = zip(*self.nodes(np.arange(sizes[-1])), strict=True)
        self.paths = np.array([_path(titles, way) for way in ways], dtype=object)
        self.popularity = np.cumsum(rng.permutation(drawn.zipf(int(sizes[-1]), 1.0)))
        self.frequency = np.cumsum(drawn.zipf(SHARED, 1.0))
        self.familiar = [np.cumsum(drawn.zipf(pool, 0.7)) for pool in POOLS]
        self.prices = rng.normal(3, 0.8, sizes[1])

    @staticmethod
    def nodes(leaf: np.ndarray) -> list[np.ndarray]:
        """Return the number of a leaf's node at each depth, among the nodes of that depth."""
        return [
            leaf // (BRANCHES[1] * BRANCHES[2]),
            leaf // BRANCHES[2],
            leaf,
        ]

    def block(self, number: int) -> Block:
        """Return the `BLOCK` products of a block."""
        rng = np.random.default_rng([self.seed, 1, number])
        leaf = _drawn(self.popularity, rng, BLOCK)
        original, kind = _copies(rng)
        copied = original != np.arange(BLOCK)
        leaf = leaf[original]
        title, description, lengths = self._words(leaf, rng)
        texts = np.where(kind == KINDS.index("picture"), np.arange(BLOCK), original)
        title, description, lengths = title[texts], description[texts], lengths[texts]
        changed = np.flatnonzero((texts != np.arange(BLOCK)) & (rng.random(BLOCK) >= SAME))
        place = (rng.random(len(changed)) * lengths[changed]).astype(int)
        description[changed, place] = _drawn(self.frequency, rng, len(changed))
        empty = (rng.random(BLOCK) < 0.01) & ~copied
        empty[original[copied]] = False
        lengths[empty] = 0
        products = pd.DataFrame(
            {
                "id": [f"{each:010x}" for each in self._ids(number)],
                "title": self._titles(title, rng),
                "description": self._descriptions(description, lengths, rng),
                "category": self._filed_under(leaf, rng),
                **self._facts(leaf, rng),
            }
        )
        return Block(products, leaf, original, kind)

    @staticmethod
    def _ids(number: int) -> list[int]:
        first = number * BLOCK
        return [each * ID_FACTOR % 2**ID_BITS for each in range(first, first + BLOCK)]

    def _words(self, leaf: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return titles and descriptions as places in `words`, and the descriptions' lengths."""
        shape = (BLOCK, TITLE + LONGEST)
        found = _drawn(self.frequency, rng, shape)
        own = rng.random(shape)
        own[:, :TITLE] /= 3  # a title says more of what it is
        own[rng.random(BLOCK) < VAGUE] = 1
        limit = np.cumsum(OWN_WORDS)
        depth = np.searchsorted(limit, own, side="right")
        for level, (pool, node) in enumerate(zip(self.pools, self.nodes(leaf), strict=True)):
            rows, columns = np.nonzero(depth == level)
            found[rows, columns] = pool[node[rows], _drawn(self.familiar[level], rng, len(rows))]
        ends = rng.random(shape) < 0.1  # of sentences
        ends[:, :TITLE] = False
        found[ends] += len(self.words) // 2
        return found[:, :TITLE], found[:, TITLE:], rng.integers(SHORTEST, LONGEST + 1, BLOCK)

    def _titles(self, found: np.ndarray, rng: np.random.Generator) -> list[str]:
        """Return titles, half of them with a model number: the vocabulary grows with the products."""
        letters, numbers = rng.integers(0, 26, (BLOCK, 2)), rng.integers(0, 100_000, BLOCK)
        with_number = rng.random(BLOCK) < 0.5
        models = [
            f" {chr(97 + a)}{chr(97 + b)}{n}" if there else ""
            for (a, b), n, there in zip(letters.tolist(), numbers.tolist(), with_number, strict=True)
        ]
        rows = self.words[found].tolist()
        return [f"{' '.join(row)}{model}" for row, model in zip(rows, models, strict=True)]

    def _descriptions(self, found: np.ndarray, lengths: np.ndarray, rng: np.random.Generator) -> list[str]:
        rows = self.words[found].tolist()
        texts = [" ".join(row[:n]) for row, n in zip(rows, lengths.tolist(), strict=True)]
        for place in np.flatnonzero((rng.random(BLOCK) < 0.03) & (lengths > 0)).tolist():
            texts[place] = f"<p>{texts[place]}</p>"
        return texts

    def _filed_under(self, leaf: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        chance = rng.random(BLOCK)
        filed = np.where(chance < MISLABELLED, _drawn(self.popularity, rng, BLOCK), leaf)
        paths = self.paths[filed]
        paths[chance > 1 - UNLABELLED] = None
        return paths

    def _facts(self, leaf: np.ndarray, rng: np.random.Generator) -> dict[str, object]:
        """Return brand, price, specifications and date."""
        _, middle, _ = self.nodes(leaf)
        brand = self.brands[(7 * middle + _drawn(np.cumsum(drawn.zipf(BRANDS, 1.0)), rng, BLOCK)) % BRANDS]
        brand[rng.random(BLOCK) < 0.05] = None
        price = np.exp(self.prices[middle] + rng.normal(0, 0.5, BLOCK)).round(2)
        price[rng.random(BLOCK) < 0.03] = np.nan
        kind = self.words[self.pools[1][middle, _drawn(self.familiar[1], rng, BLOCK)]]
        made_of = self.words[_drawn(self.frequency, rng, BLOCK)]
        there = rng.random(BLOCK) < 0.8
        specifications = [
            f"Type: {one}; Material: {other}" if said else ""
            for one, other, said in zip(kind, made_of, there, strict=True)
        ]
        date = PUBLISHED + rng.integers(0, DAYS, BLOCK).astype("timedelta64[D]")
        return {"brand": brand, "price": price, "specifications": specifications, "date": date}


def _path(titles: list[np.ndarray], way: tuple[int, ...]) -> str:
    return " >> ".join(str(each[node]) for each, node in zip(titles, way, strict=True))


def _drawn(cumulative: np.ndarray, rng: np.random.Generator, shape: int | tuple[int, ...]) -> np.ndarray:
    """Return places drawn with the probabilities whose running sum is given."""
    return np.minimum(np.searchsorted(cumulative, rng.random(shape), side="right"), len(cumulative) - 1)


def _copies(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return which product of a block each is a copy of, its own place if of none, and what is copied.

    An original comes before its copies: a catalogue that ends within a block has both or the original.
    """
    original = np.arange(BLOCK)
    chosen = rng.random(BLOCK) < COPIES
    chosen[0] = False
    earlier = (rng.random(BLOCK) * original).astype(int)
    for place in np.flatnonzero(chosen):
        original[place] = original[earlier[place]]  # of a copy: what that is a copy of
    return original, rng.choice(len(KINDS), BLOCK, p=KIND_SHARES)
