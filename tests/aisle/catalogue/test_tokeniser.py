# ruff: noqa: RUF001
"""catalogue/tokeniser.py against spaCy: the forms of a predictor are those of the pipeline."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest

from aisle.catalogue import preprocessing, text_forms, tokeniser
from aisle.pipeline.errors import AisleError

PARAMS = text_forms.TextParams(keep_numbers=True, min_token_length=1)
WORDS = """
10kg 5ml 230v 100gb 12am 7pm 3ghz 64mb 20x30cm 1080p 4k usb3 a4 №5 20% $30 30$ €5 5€ £9.99 #1
cannot gonna cant wont im ive dont it's don't shop's o'neill rock'n'roll 'tis ma'am y'all'd
café naïve straße größe ñandú ΑΒΓ 日本語 товар ½ ² x² ™ ® ºC 25°c μm 5µm ﬁne ＡＢＣ １２ ٣٤
e-mail a/b c++ (red) [blue] {x} <b>bold</b> &amp; &#39; www.shop.com http://x.y/z a@b.c :) <3 ...
fifty50 50fifty 1st 2nd 10k 5'5 6'2'' 100's mins hrs lbs 5lbs 10oz 3in 5ft 9v9 12'am
बड़ा जूता हल्का५०० เสื้อยืดสีแดง 手机壳128gb 手机's ワイヤレス كِتَابٌ می‌خواهم
ខោអាវ ဖိနပ် ເກີບ м'яч l'eau צה״ל 한국어 ไทยabc
"""


@pytest.fixture(scope="module")
def rules():
    """Return the rules as a package holds them."""
    return tokeniser.Rules(**json.loads(json.dumps(preprocessing.rules(lemmas=True))))


def assert_same(texts, rules, params=PARAMS):
    for text, forms in zip(texts, preprocessing.preprocess(texts, params), strict=True):
        for form in tokeniser.FORMS:
            assert tokeniser.apply(text, form, params, rules) == forms[form], text


@pytest.mark.parametrize("keep_numbers", [True, False])
@pytest.mark.parametrize("min_token_length", [1, 2])
def test_the_forms_of_the_catalogue_are_those_of_spacy(repo, rules, keep_numbers, min_token_length):
    table = pd.read_csv(repo / "data/sample/products.csv", dtype=str, keep_default_na=False)
    params = text_forms.TextParams(keep_numbers=keep_numbers, min_token_length=min_token_length)
    texts = [text for column in ("title", "description", "specifications") for text in table[column]]
    assert len(set(texts)) > 400
    assert_same(texts, rules, params)


def test_whatever_a_shop_writes_is_split_as_spacy_splits_it(rules):
    words = WORDS.split()
    rng = np.random.default_rng(0)
    pieces = ["".join(pair) for pair in itertools.permutations(words, 2)]
    texts = [" ".join(rng.choice([*words, *pieces], 6)) for _ in range(3000)]
    assert_same([*words, *pieces, *texts, "", " "], rules)


def test_random_characters_are_split_as_spacy_splits_them(rules):
    rng = np.random.default_rng(1)
    alphabet = list("abkmgx0159'’°²€$%µ₹₽£¥­ \u0301-.é日本ก้क्\u200d\ufe0f")
    texts = ["".join(rng.choice(alphabet, 12)) for _ in range(5000)]
    assert_same(texts, rules)


def test_rules_without_lemmas_say_so(rules):
    bare = tokeniser.Rules(**preprocessing.rules(lemmas=False))
    assert tokeniser.apply("Running shoes", "stems", PARAMS, bare) == "run shoe"
    with pytest.raises(AisleError, match="must have lemmas"):
        tokeniser.apply("Running shoes", "lemmas", PARAMS, bare)
    with pytest.raises(AisleError, match="form must be one of tokens, lemmas, stems, not 'clean'"):
        tokeniser.apply("Running shoes", "clean", PARAMS, bare)
