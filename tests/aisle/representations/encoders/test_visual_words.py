"""visual_words.py: codebooks of SIFT and ORB, one histogram per picture and block."""

import cv2
import numpy as np
import pytest
from sklearn.base import clone

from aisle.pipeline.errors import AisleError
from aisle.representations.encoders import registry
from aisle.representations.encoders.image import visual_words
from aisle.representations.encoders.image.visual_words import VisualWords

SMALL = {"n_words": 8, "max_keypoints": 50}


def scene(seed, height=90, width=120):
    """Return a picture of filled shapes, which have corners and blobs."""
    rng = np.random.default_rng(seed)
    picture = np.full((height, width, 3), 230, np.uint8)
    for _ in range(12):
        x, y, side = (int(value) for value in rng.integers(5, 60, 3))
        colour = tuple(int(value) for value in rng.integers(0, 200, 3))
        if seed % 2:
            cv2.rectangle(picture, (x, y), (x + side, y + side // 2), colour, -1)
        else:
            cv2.circle(picture, (x, y), side // 4 + 2, colour, -1)
    return picture


BLANK = np.full((50, 70, 3), 128, np.uint8)


@pytest.fixture(scope="module")
def pictures():
    return [scene(seed) for seed in range(8)]


@pytest.fixture(scope="module")
def fitted(pictures):
    return VisualWords(**SMALL).fit(pictures)


@pytest.fixture(scope="module")
def vectors(fitted, pictures):
    return fitted.transform(pictures)


def test_the_whole_vector(pictures):
    encoder = VisualWords().fit(iter(pictures))
    rows, names = encoder.transform(pictures), encoder.get_feature_names_out()
    assert rows.shape == (8, 128) == (8, len(names)) and rows.dtype == np.float32
    assert len(set(names)) == 128 and names[0] == "sift_0" and names[-1] == "orb_63"
    assert {block: words.shape for block, words in encoder.codebooks_.items()} == {
        "sift": (64, 128),
        "orb": (64, 256),
    }


def test_squares_are_shares_of_the_keypoints(fitted, pictures, vectors):
    """By hand: each descriptor's nearest word by Euclidean distance."""
    grey = cv2.cvtColor(pictures[3], cv2.COLOR_RGB2GRAY)
    grey = cv2.resize(grey, (256, 192), interpolation=cv2.INTER_LINEAR)
    found = cv2.SIFT_create(nfeatures=50).detectAndCompute(grey, None)[1][:50]
    found = np.sqrt(found / found.sum(axis=1, keepdims=True))
    distances = np.linalg.norm(found[:, None] - fitted.codebooks_["sift"][None], axis=2)
    counts = np.bincount(distances.argmin(axis=1), minlength=8)
    np.testing.assert_allclose(vectors[3, :8] ** 2, counts / counts.sum(), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors.reshape(8, 2, 8), axis=2), 1, rtol=1e-6)


def test_orb_is_learned_from_bits():
    packed = np.array([[0b10100000] + [0] * 30 + [1], [0b10000000] + [0] * 31], np.uint8)
    rows = visual_words.bits(packed)
    assert rows.shape == (2, 256) and list(np.flatnonzero(rows[0])) == [0, 2, 255]
    assert ((rows[0] - rows[1]) ** 2).sum() == 2


@pytest.mark.parametrize(("block", "columns"), [("sift", slice(0, 64)), ("orb", slice(64, 128))])
def test_a_block_alone_is_its_columns_of_the_whole(pictures, block, columns):
    alone = VisualWords([block]).fit_transform(pictures)
    assert alone.shape == (8, 64)
    np.testing.assert_array_equal(alone, VisualWords().fit_transform(pictures)[:, columns])


def test_a_picture_repeated_has_the_same_histogram(fitted, pictures, vectors):
    rows = fitted.transform([pictures[2], BLANK, pictures[2]])
    np.testing.assert_array_equal(rows[[0, 2]], vectors[[2, 2]])
    assert len({row.tobytes() for row in vectors}) == 8


def test_row_i_is_of_picture_i_in_any_batch_and_order(fitted, pictures, vectors):
    order = np.random.default_rng(0).permutation(8)
    np.testing.assert_array_equal(fitted.transform([pictures[i] for i in order]), vectors[order])
    for i in range(8):
        np.testing.assert_array_equal(fitted.transform(pictures[i : i + 1])[0], vectors[i])
    assert fitted.transform([]).shape == (0, 16)


def test_the_number_of_threads_changes_nothing(pictures, fitted, vectors):
    before = cv2.getNumThreads()
    try:
        for count in (1, 4):
            cv2.setNumThreads(count)
            np.testing.assert_array_equal(clone(fitted).fit_transform(pictures), vectors)
    finally:
        cv2.setNumThreads(before)


def test_the_codebook_depends_neither_on_order_nor_on_repetition(fitted, pictures):
    again = clone(fitted).fit([*pictures[::-1], *pictures])
    for block, words in fitted.codebooks_.items():
        np.testing.assert_array_equal(again.codebooks_[block], words)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 500, 3), (500, 1, 3), (3, 4, 3)])
def test_a_picture_without_keypoints_is_zeros(fitted, shape):
    assert not fitted.transform([np.full(shape, 9, np.uint8), BLANK]).any()


@pytest.mark.parametrize("pictures", [[], [BLANK, BLANK]])
def test_without_any_keypoint_the_columns_stay(pictures):
    encoder = VisualWords().fit(pictures)
    np.testing.assert_array_equal(encoder.transform([BLANK, scene(1)]), np.zeros((2, 128)))


def test_fewer_descriptors_than_words(pictures):
    encoder = VisualWords(max_keypoints=5).fit(pictures[:1])
    assert 0 < len(encoder.codebooks_["sift"]) <= 5
    rows = encoder.transform(pictures)
    assert rows.shape == (8, 128) and rows[:, :64].any(axis=1).all() and not rows[:, 5:64].any()


def test_fit_learns_from_a_bounded_sample_that_the_order_does_not_choose(pictures, monkeypatch):
    """It keeps at most twice as many pictures' descriptors on the way, and draws no picture twice."""
    held = []
    first = visual_words._first
    monkeypatch.setattr(
        visual_words, "_first", lambda sample, count: (held.append(len(sample)), first(sample, count))[1]
    )
    many = [*pictures, *(scene(seed, 40, 50) for seed in range(8, 40))]
    bounded = VisualWords(["orb"], **SMALL, max_pictures=3)
    encoder = clone(bounded).fit(iter(many))
    assert encoder.n_pictures_ == 3 and max(held) <= 6 and len(held) > 2
    again = clone(bounded).fit(many[::-1])
    np.testing.assert_array_equal(again.codebooks_["orb"], encoder.codebooks_["orb"])


def test_a_codebook_is_learned_from_at_most_max_descriptors(pictures, monkeypatch):
    rows = []
    learner = visual_words.MiniBatchKMeans

    class Spy(learner):
        def fit(self, X):
            rows.append(len(X))
            return super().fit(X)

    monkeypatch.setattr(visual_words, "MiniBatchKMeans", Spy)
    VisualWords(**SMALL, max_descriptors=33).fit(pictures)
    assert rows == [33, 33]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"blocks": ["surf"]}, "blocks must be among sift, orb, not surf"),
        ({"n_words": 0}, "n_words must be .* not 0"),
        ({"side": "big"}, "side must be .* not 'big'"),
        ({"words": 3}, "words"),
    ],
)
def test_wrong_options_are_a_clear_error(options, told):
    with pytest.raises(AisleError, match=told):
        registry.create(
            "image", registry.EncoderParams(encoder="visual_words", weights="none", options=options), ""
        ).fit([])
