"""aisle/encoders/image/descriptors.py: named blocks of hand-made descriptors."""

import numpy as np
import pytest
from sklearn.base import clone

from aisle.encoders.image.descriptors import BLOCKS, Encoder


@pytest.fixture(scope="module")
def pictures():
    """Return pictures of several sizes: noise, one colour, stripes, a single pixel."""
    rng = np.random.default_rng(0)
    stripes = np.zeros((90, 120, 3), np.uint8)
    stripes[:, ::6] = 255
    return [
        *(
            rng.integers(0, 256, (height, width, 3), np.uint8)
            for height, width in ((40, 60), (300, 200), (5, 7))
        ),
        np.full((50, 50, 3), (200, 30, 30), np.uint8),
        stripes,
        np.full((1, 1, 3), 255, np.uint8),
        np.zeros((30, 30, 3), np.uint8),
    ]


@pytest.fixture(scope="module")
def vectors(pictures):
    return Encoder(64).transform(pictures)


def test_the_whole_vector(pictures, vectors):
    names = Encoder().get_feature_names_out()
    assert vectors.shape == (len(pictures), len(names)) == (7, 194)
    assert vectors.dtype == np.float32 and np.isfinite(vectors).all()
    assert len(set(names)) == 194 and names[0] == "colour_0" and names[-1] == "patches_99"
    assert len({row.tobytes() for row in vectors}) == len(pictures)


@pytest.mark.parametrize(
    ("block", "dimension"), [("colour", 32), ("lbp", 10), ("glcm", 16), ("gabor", 36), ("patches", 100)]
)
def test_a_block_alone_is_its_columns_of_the_whole(pictures, vectors, block, dimension):
    encoder = Encoder(64, [block])
    names = list(Encoder().get_feature_names_out())
    own = list(encoder.get_feature_names_out())
    assert len(own) == dimension == BLOCKS[block][1]
    np.testing.assert_array_equal(
        encoder.transform(pictures), vectors[:, [names.index(name) for name in own]]
    )


def test_the_blocks_come_in_the_order_asked_for(pictures):
    forth, back = Encoder(64, ["lbp", "glcm"]), Encoder(64, ["glcm", "lbp"])
    np.testing.assert_array_equal(back.transform(pictures), np.roll(forth.transform(pictures), 16, axis=1))
    assert list(back.get_feature_names_out()[:1]) == ["glcm_0"]


def test_row_i_is_of_picture_i(pictures, vectors):
    order = np.random.default_rng(0).permutation(len(pictures))
    np.testing.assert_array_equal(Encoder(64).transform([pictures[i] for i in order]), vectors[order])
    np.testing.assert_array_equal(Encoder(64).transform(pictures[2:3])[0], vectors[2])


def test_no_picture_gives_no_row():
    assert Encoder().transform([]).shape == (0, 194)


def test_a_clone_has_the_options(pictures):
    copy = clone(Encoder(48, ["lbp"]))
    assert copy.get_params() == {"side": 48, "blocks": ["lbp"]}
    assert copy.fit(pictures) is copy
    assert copy.fit_transform(pictures).shape == (7, 10)


def test_colour_tells_hue_saturation_and_value():
    size = (20, 20, 3)
    red, grey, white = (
        Encoder(32, ["colour"]).transform([np.full(size, c, np.uint8)])[0] for c in ((255, 0, 0), 128, 255)
    )
    assert red[0] == pytest.approx(1) and red[1:16].sum() == 0  # hue 0, fully saturated
    assert red[23] == 1 and red[31] == 1
    assert grey[:16].sum() == 0 and grey[16] == 1 and grey[28] == 1
    assert white[31] == 1


def test_texture_sees_no_colour_and_shares_sum_to_1(pictures):
    swapped = [picture[..., [1, 1, 1]] for picture in pictures]
    grey = [np.repeat(picture[..., 1:2], 3, 2) for picture in pictures]
    for block in ("lbp", "glcm", "gabor", "patches"):
        np.testing.assert_array_equal(
            Encoder(64, [block]).transform(swapped), Encoder(64, [block]).transform(grey)
        )
    np.testing.assert_allclose(Encoder(64, ["lbp"]).transform(pictures).sum(axis=1), 1, rtol=1e-6)


def test_gabor_tells_the_orientation_of_stripes():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::6] = stripes[:, 1::6] = stripes[:, 2::6] = 255
    upright, lying = Encoder(64, ["gabor"]).transform([stripes, stripes.transpose(1, 0, 2).copy()])
    means = [row[::2].reshape(3, 6)[1] for row in (upright, lying)]  # wavelength 6, six orientations
    assert means[0].argmax() == 0 and means[1].argmax() == 3


def test_patches_are_where_the_picture_is_bright():
    picture = np.zeros((50, 50, 3), np.uint8)
    picture[20:30, 30:40] = 255  # row 2, column 3 of the 5 x 5 grid
    figures = Encoder(50, ["patches"]).transform([picture])[0]
    means = figures[:50:2].reshape(5, 5)
    assert np.unravel_index(means.argmax(), means.shape) == (2, 3) and means[2, 3] == pytest.approx(1)
    assert means.sum() == pytest.approx(1)
