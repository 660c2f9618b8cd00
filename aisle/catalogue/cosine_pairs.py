"""Pairs of sparse unit vectors whose cosine is at least so much, without all pairs: prefix filtering, exact.

Columns are ordered by how few rows have them. A row's prefix are its rarest columns, so many that the rest
of the row is shorter than the threshold t. Of two rows, let x be the one whose prefix ends first, at the
column c. Their cosine is what their columns up to c give, and all of these that both have are in both
prefixes, plus what the columns after c give, at most the length of the rest of x. So it is below t where the
prefixes have no column in common, or so little that it and the rest of x stay below t (Chaudhuri et al. 2006;
Bayardo et al. 2007). With TF-IDF the rarest columns weigh most: prefixes are short, and few rows share them.
The pairs left are compared as a whole.
"""

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_matrix, vstack

from aisle.pipeline.cores import in_processes

SLACK = 1e-4
"""What a cosine may fall short of the threshold and still be looked at: far more than float32 errs."""
REST = 0.875
"""Length of the rest, of the threshold. The shorter, the longer are the prefixes, and the fewer pairs are
left: of 5,000 texts of 60 words 216 of each at 1, and 1.3 at 0.875, of which 1.2 are near."""
BLOCK = 4_000_000
"""Columns of prefixes met, and entries of rows compared, at a time: bounds memory, to 200 MB a process."""


def pairs(matrix: csr_matrix, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Return all pairs of rows whose cosine is at least `threshold`, and few below it.

    Parameters
    ----------
    matrix
        float32 (n, columns); rows of length 1 at most.
    threshold
        Above 0.

    Returns
    -------
    left, right : numpy.ndarray
        Rows, left < right, by left and right. No pair is missed, and none has a cosine below the threshold by
        more than `SLACK`: `cosines` tells which of them are at it.
    """
    ordered = shared_columns(matrix)
    prefix, last, rest = _prefixes(ordered, REST * threshold)
    columns = prefix.T.tocsr()
    met = np.diff(columns.indptr)[prefix.indices]
    cost = np.concatenate([[0], np.cumsum(met, dtype=np.int64)])[prefix.indptr]

    def compare(block: tuple[int, int]) -> np.ndarray:
        start, end = block
        shared = (prefix[start:end] @ columns).tocoo()
        left, right = shared.row.astype(np.int64) + start, shared.col.astype(np.int64)
        of_first = np.where(last[left] <= last[right], rest[left], rest[right])
        kept = (left < right) & (shared.data + of_first >= threshold - SLACK)
        left, right = left[kept], right[kept]
        found = [np.empty((2, 0), np.int64)]
        for some in _chunks(ordered, left, right):
            products = ordered[left[some]].multiply(ordered[right[some]])
            near = np.asarray(products.sum(axis=1)).ravel() >= threshold - SLACK
            found.append(np.vstack([left[some][near], right[some][near]]))
        return np.concatenate(found, axis=1)

    left, right = np.concatenate([np.empty((2, 0), np.int64), *in_processes(compare, _blocks(cost))], axis=1)
    by = np.lexsort([right, left])
    return left[by], right[by]


def cosines(matrix: csr_matrix, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return float32 (pairs,): the products of rows, as the product of sparse matrices has them.

    Each is summed in the order in which the left row has its columns: the same to the last bit.
    """
    width, sums = matrix.shape[1], np.zeros(len(left), np.float32)
    for some in _chunks(matrix, left, right):
        ones, others = matrix[left[some]], matrix[right[some]]
        others.sort_indices()
        n = ones.shape[0]
        keys, asked = (
            np.repeat(np.arange(n, dtype=np.int64) * width, np.diff(each.indptr)) + each.indices
            for each in (others, ones)
        )
        place = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
        both = keys[place] == asked if len(keys) else np.zeros(0, bool)
        pair = np.repeat(np.arange(n), np.diff(ones.indptr))[both]
        own = np.zeros(n, np.float32)
        np.add.at(own, pair, ones.data[both] * others.data[place[both]])
        sums[some] = own
    return sums


def shared_columns(matrix: csr_matrix) -> csr_matrix:
    """Return the rows, sorted, without the columns that one row alone has; the matrix itself if it has none.

    No cosine of two rows has a part of these.
    """
    kept = (_rows_of_each(matrix) > 1)[matrix.indices]
    if kept.all() and matrix.has_sorted_indices:
        return matrix
    length = [
        np.add.reduceat(np.append(kept[matrix.indptr[start] : matrix.indptr[end]], False), places, dtype=int)
        * (np.diff(matrix.indptr[start : end + 1]) > 0)
        for start, end in _blocks(matrix.indptr)
        for places in [matrix.indptr[start:end] - matrix.indptr[start]]
    ]
    indptr = np.concatenate([[0], np.cumsum(np.concatenate([np.zeros(0, int), *length]))])
    shared = csr_matrix((matrix.data[kept], matrix.indices[kept], indptr), matrix.shape)
    shared.sort_indices()
    return shared


def _rows_of_each(matrix: csr_matrix) -> np.ndarray:
    """Return how many rows have each column, (columns,)."""
    rows = np.zeros(matrix.shape[1], int)
    for start in range(0, len(matrix.indices), BLOCK):  # NumPy makes 8 bytes of each of what it counts
        rows += np.bincount(matrix.indices[start : start + BLOCK], minlength=len(rows))
    return rows


def _prefixes(matrix: csr_matrix, limit: float) -> tuple[csr_matrix, np.ndarray, np.ndarray]:
    """Return the prefixes of rows with sorted columns; the rest of each is shorter than `limit`.

    Returns
    -------
    prefix : scipy.sparse.csr_matrix
        (n, columns), the rarest column first.
    last : numpy.ndarray
        (n,): the column with which each prefix ends, -1 for an empty row.
    rest : numpy.ndarray
        (n,): the length of the rest.
    """
    n, width = matrix.shape
    rank = np.empty(width, np.int32)
    rank[np.lexsort([np.arange(width), _rows_of_each(matrix)])] = np.arange(width)
    parts, last, rest = [], np.full(n, -1), np.zeros(n)
    for start, end in _blocks(matrix.indptr, BLOCK // 8):  # of each entry there are six more on the way
        part = matrix[start:end]
        ranked = csr_matrix((part.data, rank[part.indices], part.indptr), part.shape)
        ranked.sort_indices()
        row = np.repeat(np.arange(end - start), np.diff(ranked.indptr))
        sums = np.concatenate([[0.0], np.cumsum(ranked.data.astype(float) ** 2)])
        left = sums[ranked.indptr[1:]][row] - sums[:-1]  # of the row's mass, from this column on
        needed = left >= limit**2
        indptr = np.concatenate([[0], np.cumsum(np.bincount(row[needed], minlength=end - start))])
        cut = csr_matrix((ranked.data[needed], ranked.indices[needed], indptr), part.shape)
        parts.append(cut)
        some = np.flatnonzero(np.diff(indptr))
        last[start + some] = cut.indices[indptr[1:][some] - 1]
        end_of = ranked.indptr[:-1] + np.diff(indptr)
        rest[start:end] = np.sqrt(np.maximum(sums[ranked.indptr[1:]] - sums[end_of], 0))
    return vstack([csr_matrix((0, width), dtype=matrix.dtype), *parts], format="csr"), last, rest


def _blocks(cost: np.ndarray, most: int = 0) -> list[tuple[int, int]]:
    """Return ranges of rows that cost at most `most`, or `BLOCK`, or are one row.

    `cost` is the sum before each row.
    """
    blocks, start = [], 0
    while start < len(cost) - 1:
        end = max(start + 1, int(np.searchsorted(cost, cost[start] + (most or BLOCK), side="right")) - 1)
        blocks.append((start, end))
        start = end
    return blocks


def _chunks(matrix: csr_matrix, left: np.ndarray, right: np.ndarray) -> Iterator[slice]:
    """Yield ranges of pairs whose rows have at most `BLOCK` entries together."""
    size = np.diff(matrix.indptr)
    cost = np.concatenate([[0], np.cumsum(size[left] + size[right], dtype=np.int64)])
    for start, end in _blocks(cost):
        yield slice(start, end)
