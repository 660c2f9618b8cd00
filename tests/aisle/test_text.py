"""aisle/text.py: cleaning, tokens, lemmas, stems and how many words each leaves."""

import pandas as pd
import pytest

from aisle import text, text_fields
from aisle.errors import AisleError

PARAMS = text.TextParams(keep_numbers=True, min_token_length=2)


def forms(value, **changes):
    (result,) = text.preprocess([value], PARAMS.model_copy(update=changes))
    return result


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("<p>Red&nbsp;<b>Mug</b></p>", "red mug"),
        ("<ul><li>one</li><li>two</li></ul>", "one two"),
        ("a<br/>b<br>c", "a b c"),
        ("salt &amp; pepper", "salt pepper"),
        ("caf&eacute; &#233;", "café é"),
        ("3 < 5 & 7 > 2", "3 5 7 2"),
        ("<script>alert(1)</script>mug", "mug"),
        ("Mug, (red)/blue - 10\u201d!", "mug red blue 10"),
        ("snake_case __x__", "snake case x"),
        ("Men's Women\u2019s 'quoted' rock 'n' roll", "men's women's quoted rock n roll"),
        ("STRASSE \ufb01ne ½", "strasse fine 1 2"),
        ("tab\tline\nend", "tab line end"),
        ("", ""),
        ("?!…", ""),
        ("<br>", ""),
    ],
)
def test_clean(raw, clean):
    assert text.clean(raw) == clean


@pytest.mark.parametrize(
    "raw",
    [
        "<![foo[ mug ]]> red",
        "<![x mug",
        "<!mug",
        "<!--mug",
        "<?mug",
        "<" * 50,
        "&#xD800;",
        "&#99999999999;",
        "<b>" * 3000,
    ],
)
def test_broken_markup_never_raises(raw):
    assert isinstance(text.clean(raw), str)


@pytest.mark.parametrize(
    ("raw", "stripped"),
    [
        ("<p>The Red&nbsp;<b>Mug</b>,\n (10\u201d)!</p>", "The Red Mug , (10\u201d)!"),
        ("Salt &amp; Pepper &#233;\t&ldquo;Men's&rdquo;", "Salt & Pepper é \u201cMen's\u201d"),
        ("3 < 5 &AMP; a_b ½ \ufb01ne", "3 < 5 & a_b ½ \ufb01ne"),
        ("<script>alert(1)</script><br>", ""),
        ("!", "!"),
        ("", ""),
    ],
)
def test_raw_is_the_text_as_it_came_without_html(raw, stripped):
    assert text.strip_html(raw) == forms(raw)["raw"] == stripped


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("raw", ["http://shop.example/?a=1&b=2", "a&b.html", "<"])
def test_a_text_that_looks_like_an_address_is_no_warning(raw):
    text.clean(raw)


@pytest.mark.parametrize(
    ("raw", "tokens", "lemmas", "stems"),
    [
        ("The watches of the women", "watches women", "watch woman", "watch women"),
        ("Running shoes for boys", "running shoes boys", "run shoe boy", "run shoe boy"),
        ("<b>Ceramic</b> mugs, and MUGS!", "ceramic mugs mugs", "ceramic mug mug", "ceram mug mug"),
        ("it is on the and", "", "", ""),
        ("a b c clock", "clock", "clock", "clock"),
        ("don't men's mug", "men mug", "man mug", "men mug"),
        ("", "", "", ""),
    ],
)
def test_stop_words_lemmas_and_stems(raw, tokens, lemmas, stems):
    found = forms(raw)
    assert (found["tokens"], found["lemmas"], found["stems"]) == (tokens, lemmas, stems)
    assert found["clean"] == text.clean(raw)


@pytest.mark.parametrize(("keep", "tokens"), [(True, "mug 10 cm ab12"), (False, "mug cm")])
def test_numbers(keep, tokens):
    assert forms("mug 10 cm AB12", keep_numbers=keep)["tokens"] == tokens


@pytest.mark.parametrize(("length", "tokens"), [(1, "x xy xyz"), (2, "xy xyz"), (3, "xyz")])
def test_short_tokens(length, tokens):
    assert forms("x xy xyz", min_token_length=length)["tokens"] == tokens


def test_the_lists_are_parallel_and_in_order():
    raw = [
        f"Wooden tables {i} with drawers, children's 5.5 toys & e-mail don't can't {i}x" for i in range(300)
    ]
    results = list(text.preprocess(raw, PARAMS))
    assert [result["raw"] for result in results] == raw
    assert [result["clean"].split()[2] for result in results] == [str(i) for i in range(300)]
    for result in results:
        assert len(result["tokens"].split()) == len(result["lemmas"].split()) == len(result["stems"].split())


def test_statistics():
    found = text.statistics(
        pd.Series(["one two  three four", "", "of the"]), pd.Series(["one two three", "", ""])
    )
    assert found.to_dict("list") == {
        "words_before": [4, 0, 2],
        "words_after": [3, 0, 0],
        "reduction": [0.25, 0.0, 1.0],
    }


@pytest.fixture
def table():
    return pd.DataFrame(
        {"title_clean": ["a", "", "b"], "description_clean": ["x y", "z", ""], "title_stems": list("stu")}
    )


@pytest.mark.parametrize(
    ("fields", "form", "texts"),
    [
        (["title", "description"], "clean", ["a x y", "z", "b"]),
        (["description", "title"], "clean", ["x y a", "z", "b"]),
        (["title"], "stems", ["s", "t", "u"]),
    ],
)
def test_compose(table, fields, form, texts):
    assert text_fields.compose(table, fields, form) == texts


@pytest.mark.parametrize(
    ("fields", "form", "name"), [(["brand"], "clean", "brand_clean"), (["title"], "words", "title_words")]
)
def test_compose_names_what_is_not_there(table, fields, form, name):
    with pytest.raises(AisleError) as error:
        text_fields.compose(table, fields, form)
    assert all(part in str(error.value) for part in (name, "title, description, specifications", "lemmas"))
