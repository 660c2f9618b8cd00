"""Text functions take time in proportion to the text, whatever stands in it, and raise nothing."""

import gc
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aisle.catalogue import letters, preprocessing, scripts, specifications, text_forms, tokeniser

PARAMS = text_forms.TextParams(keep_numbers=True, min_token_length=2)
NASTY = [
    *(
        "<!--",
        "<",
        "&",
        "<script",
        "<style>",
        "<a ",
        "<script></script ",
        "&lt;",
        "&amp;amp;lt;b&amp;gt;",
        "&#9",
    ),
    *("[[[", '"', '{"', '\\"', "{", "=>", "nil ", "a:b;", "\\n", "9", "&#"),
    *("a", "'", "'s", "a'", "$a", "5km", "_", "cannot", "e-mail ", "\U0001f45f", "\u200d", "a\u200d"),
    *("a\u0301\u0316", "\u0301\u0316", "日本", "ก", "เสื้อ", "क्", "ﷺ"),
]
LENGTH = 20_000
"""Characters; what is quadratic takes seconds to minutes with twice as many."""
FLOOR = 0.3
"""Seconds below which a time says nothing of its growth: starting costs, and noise of a busy machine."""
RATIO = 3.0
"""Time of twice the text over that of the text: 2 if linear, 4 if quadratic."""


def parse(text):
    try:
        return specifications.parse(text)
    except ValueError:  # not well-formed: what it may say
        return []


@pytest.fixture(scope="module")
def rules():
    return tokeniser.Rules(**json.loads(json.dumps(preprocessing.rules(lemmas=True))))


@pytest.fixture(scope="module")
def functions(rules):
    return {
        "strip_html": text_forms.strip_html,
        "clean": text_forms.clean,
        "tokens": lambda text: tokeniser.apply(text, "stems", PARAMS, rules),
        "spacy": lambda text: list(preprocessing.preprocess([text], PARAMS)),
        "specifications": parse,
        "specifications in brackets": lambda text: parse(f"[{text}"),
        "specifications in quotes": lambda text: parse(f'{{"{text}'),
        "letters": lambda text: letters.Letters().add("title", [text], [text]),
        "apart": scripts.apart,
    }


def seconds(function, text):
    """Return the processor seconds; without Python's collector, which looks at all that other tests hold."""
    gc.disable()
    try:
        start = time.process_time()
        function(text)
        return time.process_time() - start
    finally:
        gc.enable()


@pytest.mark.parametrize("piece", NASTY)
def test_time_is_linear_in_the_text(functions, piece):
    text = piece * (LENGTH // len(piece))
    for name, function in functions.items():
        if (twice := seconds(function, 2 * text)) > FLOOR:
            once = min(seconds(function, text) for _ in range(3))
            twice = min(twice, *(seconds(function, 2 * text) for _ in range(2)))
            assert twice < max(RATIO * once, FLOOR), (name, once, twice)


@pytest.mark.parametrize("piece", ["<!--", "a", "&amp;lt;", "word ", '{"key"=>"a", "value"=>nil}, '])
def test_a_megabyte_takes_seconds(functions, piece):
    text = piece * (2**20 // len(piece))
    for name, function in functions.items():
        assert seconds(function, text) < 20, name


MARKUP = st.lists(
    st.sampled_from([*NASTY, "-->", "</script>", ">", "b>", ";", "amp;", "}", "]", "the ", "\n", "\ud800"])
    | st.text(max_size=8),
    max_size=40,
).map("".join)


@settings(max_examples=300, deadline=None)
@given(MARKUP)
def test_no_text_raises_and_clean_text_is_clean(functions, text):
    for function in functions.values():
        function(text)
    cleaned = text_forms.clean(text)
    assert cleaned == " ".join(cleaned.split()) == cleaned.strip("'")
    assert not set('<>&;{}[]_"') & set(cleaned)
    assert all(len(word) <= text_forms.LONGEST_WORD for word in cleaned.split())


@settings(max_examples=200, deadline=None)
@given(text=MARKUP)
def test_the_tokens_of_a_package_are_those_of_spacy(rules, text):
    (forms,) = preprocessing.preprocess([text], PARAMS)
    for form in tokeniser.FORMS:
        assert tokeniser.apply(text, form, PARAMS, rules) == forms[form]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.text(min_size=1), st.text())))
def test_specifications_are_read_back_as_they_were_written(pairs):
    table = [{"key": key, "value": value} for key, value in pairs]
    written = json.dumps({"product_specification": table}, ensure_ascii=False)
    assert specifications.parse(written) == pairs
    ruby = json.dumps(table, ensure_ascii=False, separators=(", ", "=>"))
    assert specifications.parse(ruby) == pairs
