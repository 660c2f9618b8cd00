"""representations/encoders/image/descriptors.py: named blocks of hand-made descriptors."""

import cv2
import numpy as np
import pytest
from sklearn.base import clone

from aisle.representations.encoders.image import descriptors
from aisle.representations.encoders.image.descriptors import BLOCKS, Descriptors


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
    return Descriptors(64).transform(pictures)


def test_the_whole_vector(pictures, vectors):
    names = Descriptors().get_feature_names_out()
    assert vectors.shape == (len(pictures), len(names)) == (7, 194)
    assert vectors.dtype == np.float32 and np.isfinite(vectors).all()
    assert len(set(names)) == 194 and names[0] == "colour_0" and names[-1] == "patches_99"
    assert len({row.tobytes() for row in vectors}) == len(pictures)


@pytest.mark.parametrize(
    ("block", "dimension"), [("colour", 32), ("lbp", 10), ("glcm", 16), ("gabor", 36), ("patches", 100)]
)
def test_a_block_alone_is_its_columns_of_the_whole(pictures, vectors, block, dimension):
    encoder = Descriptors(64, [block])
    names = list(Descriptors().get_feature_names_out())
    own = list(encoder.get_feature_names_out())
    assert len(own) == dimension == BLOCKS[block][1]
    np.testing.assert_array_equal(
        encoder.transform(pictures), vectors[:, [names.index(name) for name in own]]
    )


def test_the_blocks_come_in_the_order_asked_for(pictures):
    forth, back = Descriptors(64, ["lbp", "glcm"]), Descriptors(64, ["glcm", "lbp"])
    np.testing.assert_array_equal(back.transform(pictures), np.roll(forth.transform(pictures), 16, axis=1))
    assert list(back.get_feature_names_out()[:1]) == ["glcm_0"]


def test_row_i_is_of_picture_i(pictures, vectors):
    order = np.random.default_rng(0).permutation(len(pictures))
    np.testing.assert_array_equal(Descriptors(64).transform([pictures[i] for i in order]), vectors[order])
    np.testing.assert_array_equal(Descriptors(64).transform(pictures[2:3])[0], vectors[2])


def test_no_picture_gives_no_row():
    assert Descriptors().transform([]).shape == (0, 194)


def test_a_clone_has_the_options(pictures):
    copy = clone(Descriptors(48, ["lbp"]))
    assert copy.get_params() == {"side": 48, "blocks": ["lbp"]}
    assert copy.fit(pictures) is copy
    assert copy.fit_transform(pictures).shape == (7, 10)


def test_colour_tells_hue_saturation_and_value():
    size = (20, 20, 3)
    red, grey, white = (
        Descriptors(32, ["colour"]).transform([np.full(size, c, np.uint8)])[0]
        for c in ((255, 0, 0), 128, 255)
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
            Descriptors(64, [block]).transform(swapped), Descriptors(64, [block]).transform(grey)
        )
    np.testing.assert_allclose(Descriptors(64, ["lbp"]).transform(pictures).sum(axis=1), 1, rtol=1e-6)


def test_gabor_tells_the_orientation_of_stripes():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::6] = stripes[:, 1::6] = stripes[:, 2::6] = 255
    upright, lying = Descriptors(64, ["gabor"]).transform([stripes, stripes.transpose(1, 0, 2).copy()])
    means = [row[::2].reshape(3, 6)[1] for row in (upright, lying)]  # wavelength 6, six orientations
    assert means[0].argmax() == 0 and means[1].argmax() == 3


def test_patches_are_where_the_picture_is_bright():
    picture = np.zeros((50, 50, 3), np.uint8)
    picture[20:30, 30:40] = 255  # row 2, column 3 of the 5 x 5 grid
    figures = Descriptors(50, ["patches"]).transform([picture])[0]
    means = figures[:50:2].reshape(5, 5)
    assert np.unravel_index(means.argmax(), means.shape) == (2, 3) and means[2, 3] == pytest.approx(1)
    assert means.sum() == pytest.approx(1)


# ---- what OpenCV says, which a predictor's installation leaves out ----


@pytest.mark.parametrize("side", [16, 64, 128])
def test_sizes_colours_and_luminance_are_those_of_opencv(pictures, side):
    for picture in pictures:
        resized = descriptors.resize(picture, side)
        reference = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
        difference = np.abs(resized.astype(int) - reference)
        assert difference.max() <= 1 and (difference > 0).mean() < 0.2  # where a mean ends in a half
        grey = cv2.cvtColor(resized, cv2.COLOR_RGB2GRAY)
        np.testing.assert_array_equal(descriptors.luminance(resized), grey)
        hsv = np.moveaxis(cv2.cvtColor(resized, cv2.COLOR_RGB2HSV), -1, 0)
        np.testing.assert_array_equal(descriptors.hue_saturation_value(resized), hsv)


@pytest.mark.parametrize("wavelength", [3.0, 6.0, 12.0])
@pytest.mark.parametrize("angle", [0, np.pi / 6, 2.0])
def test_a_gabor_filter_is_that_of_opencv(wavelength, angle):
    reference = cv2.getGaborKernel((15, 15), wavelength / 2, angle, wavelength, 0.5, 0)
    np.testing.assert_allclose(descriptors.gabor_filter(wavelength, angle), reference, atol=1e-12)


def test_responses_and_gradients_are_those_of_opencv(pictures):
    rgb = descriptors.resize(pictures[1], 64)
    scaled = descriptors.luminance(rgb).astype(np.float32) / 255
    angles = np.arange(6) * np.pi / 6
    kernels = [cv2.getGaborKernel((15, 15), w / 2, a, w, 0.5, 0) for w in (3.0, 6.0, 12.0) for a in angles]
    responses = [np.abs(cv2.filter2D(scaled, cv2.CV_32F, kernel)) for kernel in kernels]
    figures = [figure for response in responses for figure in (response.mean(), response.std())]
    np.testing.assert_allclose(descriptors.gabor(rgb, descriptors.luminance(rgb)), figures, rtol=1e-4)
    slopes = [np.abs(cv2.Sobel(scaled, cv2.CV_32F, *order)) for order in ((1, 0), (0, 1))]
    corner = [slope[:13, :13].mean() for slope in slopes]  # 64 pixels in 5 parts: the first has 13
    layout = descriptors.patches(rgb, descriptors.luminance(rgb))
    np.testing.assert_allclose(layout[50:52], corner, rtol=1e-5)
