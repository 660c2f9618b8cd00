"""Visual words: how often local features of a picture are like each of a codebook learned from the pictures.

It learns, so it stands apart from descriptors.py: those learn nothing, are kept item by item
(aisle/pipeline/item_cache.py) and may be computed for all products before they are split. A codebook of all
products has seen the test products' pictures: its vectors are for clustering, and a classifier fits one of
its own inside the fold.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

import cv2
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import MiniBatchKMeans
from threadpoolctl import threadpool_limits

from aisle.pipeline.errors import AisleError, some
from aisle.representations.encoders.options import check_counts

DIGEST = 32
"""Bytes of a picture's SHA-256: by it the pictures to learn from are chosen, whatever the blocks."""
LEAST = 8
"""Pixels of the shorter side, at least: the smallest level of ORB's pyramid must have one."""


def root_sift(descriptors: np.ndarray) -> np.ndarray:
    """Return RootSIFT, rows of length 1, of SIFT's descriptors. Arandjelovic and Zisserman 2012."""
    shares = descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True, dtype=np.float32), 1)
    return np.sqrt(shares, dtype=np.float32)


def bits(descriptors: np.ndarray) -> np.ndarray:
    """Return ORB's 256 bits as 0 and 1: the squared distance of two rows is then their Hamming distance."""
    return np.unpackbits(descriptors, axis=1).astype(np.float32)


BLOCKS: dict[str, tuple[Callable[..., cv2.Feature2D], int, Callable[[np.ndarray], np.ndarray]]] = {
    "sift": (cv2.SIFT.create, 128, root_sift),
    "orb": (cv2.ORB.create, 32, bits),
}
"""Name of a block to OpenCV's detector, the bytes of a descriptor, and the float32 rows to learn from."""


class LocalFeatures(BaseEstimator):
    """The local features of each picture, packed into bytes: what costs time, learns nothing and is kept.

    Parameters
    ----------
    blocks, side, max_keypoints
        See `VisualWords`.
    """

    def __init__(self, blocks: Sequence[str], side: int, max_keypoints: int) -> None:
        self.blocks = blocks
        self.side = side
        self.max_keypoints = max_keypoints

    def transform(self, X: Iterable[np.ndarray]) -> list[bytes]:
        """Return, of RGB pictures, uint8 (height, width, 3) of any size, what `unpack` takes apart.

        That is the picture's SHA-256, then of each block the number of keypoints (uint32) and the
        descriptors.
        """
        return [
            sha256(picture.tobytes()).digest()
            + b"".join(
                len(descriptors).to_bytes(4, "little") + descriptors.tobytes()
                for descriptors in self._describe(picture).values()
            )
            for picture in X
        ]

    def unpack(self, row: bytes) -> dict[str, np.ndarray]:
        """Return each block's descriptors of one picture, uint8 (keypoints, bytes)."""
        start, result = DIGEST, {}
        for block in self.blocks:
            count, n_bytes = int.from_bytes(row[start : start + 4], "little"), BLOCKS[block][1]
            end = start + 4 + count * n_bytes
            result[block] = np.frombuffer(row[start + 4 : end], np.uint8).reshape(count, n_bytes)
            start = end
        return result

    def _describe(self, picture: np.ndarray) -> dict[str, np.ndarray]:
        """Return each block's descriptors of a picture, uint8 (keypoints, bytes)."""
        height, width = picture.shape[:2]
        scale = self.side / max(height, width)
        target = max(LEAST, round(width * scale)), max(LEAST, round(height * scale))
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        grey = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), target, interpolation=way)
        result = {}
        for block in self.blocks:
            create, n_bytes, _ = BLOCKS[block]
            found = create(nfeatures=self.max_keypoints).detectAndCompute(grey, None)[1]
            empty = np.empty((0, n_bytes))
            # OpenCV keeps all keypoints that are as strong as the last; SIFT's float32 hold whole numbers
            result[block] = (empty if found is None else found[: self.max_keypoints]).astype(np.uint8)
        return result


class VisualWords(TransformerMixin, BaseEstimator):
    """Blocks of visual words side by side, (n, n_words x blocks); fitted.

    Each block is the square root of the shares of a picture's keypoints that are nearest to each word
    (Hellinger's kernel), so each row of a block has length 1, or 0 for a picture without keypoints.
    Csurka et al. 2004; SIFT: Lowe 2004; ORB: Rublee et al. 2011.

    Parameters
    ----------
    blocks
        Names of `BLOCKS`, in the order of the result.
    n_words
        Words of a block's codebook, and its columns.
    side
        Longest side in pixels that every picture is resized to, in grey.
    max_keypoints
        Keypoints of a picture and block, the strongest.
    max_pictures
        Pictures that the codebooks are learned from; of more, those whose digests are smallest.
    max_descriptors
        Descriptors that a codebook is learned from; of more, evenly spaced ones.
    seed
        Seed of mini-batch KMeans (Sculley 2010).

    Examples
    --------
    >>> pictures = list(np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8))
    >>> VisualWords(blocks=["orb"], n_words=4).fit(pictures).transform(pictures).shape
    (3, 4)
    """

    def __init__(
        self,
        blocks: Sequence[str] = tuple(BLOCKS),
        n_words: int = 64,
        side: int = 256,
        max_keypoints: int = 200,
        max_pictures: int = 2000,
        max_descriptors: int = 100_000,
        seed: int = 0,
    ) -> None:
        if unknown := [block for block in blocks if block not in BLOCKS]:
            raise AisleError(f"blocks must be among {some(BLOCKS, 99)}, not {some(unknown)}")
        self.blocks = blocks
        self.n_words = n_words
        self.side = side
        self.max_keypoints = max_keypoints
        self.max_pictures = max_pictures
        self.max_descriptors = max_descriptors
        self.seed = seed

    @property
    def local(self) -> LocalFeatures:
        """What it learns from and counts: the stateless part, asked once for each picture."""
        return LocalFeatures(self.blocks, self.side, self.max_keypoints)

    def fit(self, X: Iterable[np.ndarray], y: object = None) -> "VisualWords":
        """Learn from RGB pictures, uint8 (height, width, 3) of any size; see `fit_local`."""
        return self.fit_local(self.local.transform([picture])[0] for picture in X)

    def fit_local(self, rows: Iterable[bytes]) -> "VisualWords":
        """Learn `codebooks_`, block to float32 (words, dimension), of rows of `local`, read one at a time.

        A block has fewer words than `n_words` if the pictures have fewer distinct descriptors. The result
        depends neither on the order of the pictures nor on how often one comes.
        """
        check_counts(self, "n_words", "side", "max_keypoints", "max_pictures", "max_descriptors")
        sample: dict[bytes, dict[str, np.ndarray]] = {}
        bound = b"\xff" * 32
        for row in rows:
            digest = row[:DIGEST]
            if digest < bound and digest not in sample:
                sample[digest] = self.local.unpack(row)
            if len(sample) >= 2 * self.max_pictures:
                sample = _first(sample, self.max_pictures)
                bound = max(sample)
        chosen = list(_first(sample, self.max_pictures).values())
        self.n_pictures_ = len(chosen)
        self.codebooks_ = {
            block: self._learn(block, [descriptors[block] for descriptors in chosen]) for block in self.blocks
        }
        return self

    def transform(self, X: Sequence[np.ndarray]) -> np.ndarray:
        """Return float32 (n, columns) for n RGB pictures, uint8 (height, width, 3) of any size."""
        return self.transform_local(self.local.transform(X))

    def transform_local(self, local: Sequence[bytes]) -> np.ndarray:
        """Return float32 (n, columns) for n rows of `local`."""
        rows = np.zeros((len(local), len(self.blocks), self.n_words), np.float32)
        with threadpool_limits(1):
            for i, packed in enumerate(local):
                for j, (block, found) in enumerate(self.local.unpack(packed).items()):
                    words = self.codebooks_[block]
                    if len(found) and len(words):
                        # the nearest word, one picture at a time: a row depends on no other
                        scores = BLOCKS[block][2](found) @ words.T - (words**2).sum(axis=1) / 2
                        counts = np.bincount(scores.argmax(axis=1), minlength=self.n_words)
                        rows[i, j] = np.sqrt(counts / len(found))
        return rows.reshape(len(local), len(self.blocks) * self.n_words)

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Return `<block>_<number>` for each column."""
        return np.array([f"{block}_{i}" for block in self.blocks for i in range(self.n_words)])

    def _learn(self, block: str, found: list[np.ndarray]) -> np.ndarray:
        """Return the words of a codebook, from each picture's descriptors."""
        dimension, prepare = BLOCKS[block][1:]
        every = np.concatenate([*found, np.empty((0, dimension), np.uint8)])
        if len(every) > self.max_descriptors:
            every = every[np.linspace(0, len(every) - 1, self.max_descriptors).astype(int)]
        n_words = min(self.n_words, len(np.unique(every, axis=0)))
        if not n_words:
            return prepare(every)
        with threadpool_limits(1):  # sums over several threads round differently
            learner = MiniBatchKMeans(n_words, batch_size=4096, n_init=1, random_state=self.seed)
            return learner.fit(prepare(every)).cluster_centers_


def _first(sample: dict[bytes, dict[str, np.ndarray]], count: int) -> dict[bytes, dict[str, np.ndarray]]:
    return dict(sorted(sample.items())[:count])


Encoder = VisualWords
