"""catalogue/text_forms.py: cleaning, tokens, lemmas, stems and how many words each leaves."""

import pandas as pd
import pytest

from aisle.catalogue import preprocessing, text_forms, text_selection
from aisle.pipeline.errors import AisleError

PARAMS = text_forms.TextParams(keep_numbers=True, min_token_length=2)


def forms(value, **changes):
    (result,) = preprocessing.preprocess([value], PARAMS.model_copy(update=changes))
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
    assert text_forms.clean(raw) == clean


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("बड़ा जूता, नीला!", "बड़ा जूता नीला"),
        ("كِتَابٌ جَدِيد", "كِتَابٌ جَدِيد"),
        ("می\u200cخواهم", "میخواهم"),  # noqa: RUF001
        ("co\u00adoperate", "cooperate"),
        ("q\u0301uick \u0301 e\u0301", "q\u0301uick é"),
        ("手机壳 128GB红色", "手机 机壳 128gb 红色"),
        ("本", "本"),
        ("ワイヤレスマウス", "ワイ イヤ ヤレ レス スマ マウ ウス"),
        ("เสื้อ", "เสื้อ"),
        ("เสื้อยืด", "เสื้อ สื้อยื อยืด"),
        ("ឈើ 12", "ឈើ 12"),
        ("한국어 가방", "한국어 가방"),
        ("👟️ 5️⃣ 👨‍👩‍👧 shoe", "5 shoe"),
        ("soft\\nwashable\\r\\nred\\tblue", "soft washable red blue"),
        ("&lt;p&gt;soft&lt;/p&gt;", "soft"),
        ("&amp;lt;b&amp;gt;Red&amp;lt;/b&amp;gt; &amp;amp;amp; blue", "red blue"),
        ("1 &lt; x &gt; 2", "1 x 2"),
        ("1 &lt;x y&gt; 2", "1 x y 2"),
        ("<SCRIPT>alert(1)</SCRIPT>mug<Style>a{}</STYLE>", "mug"),
        ("&#0000000000065;&#" + "9" * 5000 + ";b", "a b"),
        ("a" * 250, " ".join(["a" * 100, "a" * 100, "a" * 50])),
    ],
)
def test_clean_text_of_any_language(raw, clean):
    assert text_forms.clean(raw) == text_forms.clean(clean) == clean


def test_a_text_escaped_without_end_is_undone_a_bounded_number_of_times():
    assert text_forms.strip_html("&amp;amp;amp;lt;b&amp;amp;amp;gt;") == ""
    assert text_forms.strip_html("&" + "amp;" * 50 + "lt;").startswith("&amp;amp;")


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
    assert isinstance(text_forms.clean(raw), str)


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
    assert text_forms.strip_html(raw) == forms(raw)["raw"] == stripped


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("raw", ["http://shop.example/?a=1&b=2", "a&b.html", "<"])
def test_a_text_that_looks_like_an_address_is_no_warning(raw):
    text_forms.clean(raw)


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
    assert found["clean"] == text_forms.clean(raw)


@pytest.mark.parametrize(("keep", "tokens"), [(True, "mug 10 cm ab12"), (False, "mug cm")])
def test_numbers(keep, tokens):
    assert forms("mug 10 cm AB12", keep_numbers=keep)["tokens"] == tokens


@pytest.mark.parametrize(
    ("raw", "tokens"),
    [
        ("本 x 手机壳", "本 手机 机壳"),
        ("ก x", "ก"),
        ("बड़ा जूता", "बड़ा जूता"),
        ("the 本's", "本"),
        ("м'яч it's", "м'яч"),
    ],
)
def test_a_letter_of_a_script_without_spaces_is_a_token(raw, tokens):
    assert forms(raw)["tokens"] == tokens


@pytest.mark.parametrize(("length", "tokens"), [(1, "x xy xyz"), (2, "xy xyz"), (3, "xyz")])
def test_short_tokens(length, tokens):
    assert forms("x xy xyz", min_token_length=length)["tokens"] == tokens


def test_the_lists_are_parallel_and_in_order():
    raw = [
        f"Wooden tables {i} with drawers, children's 5.5 toys & e-mail don't can't {i}x" for i in range(300)
    ]
    results = list(preprocessing.preprocess(raw, PARAMS))
    assert [result["raw"] for result in results] == raw
    assert [result["clean"].split()[2] for result in results] == [str(i) for i in range(300)]
    for result in results:
        assert len(result["tokens"].split()) == len(result["lemmas"].split()) == len(result["stems"].split())


def test_a_text_without_spaces_is_counted_by_what_it_is_split_into():
    found = text_forms.statistics(pd.Series(["手机壳 red"]), pd.Series(["手机 机壳 red"]))
    assert found.to_dict("list") == {"words_before": [3], "words_after": [3], "reduction": [0.0]}


def test_statistics():
    found = text_forms.statistics(
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
    assert text_selection.compose(table, fields, form) == texts


@pytest.mark.parametrize(
    ("fields", "form", "name"), [(["brand"], "clean", "brand_clean"), (["title"], "words", "title_words")]
)
def test_compose_names_what_is_not_there(table, fields, form, name):
    with pytest.raises(AisleError) as error:
        text_selection.compose(table, fields, form)
    assert all(part in str(error.value) for part in (name, "title, description, specifications", "lemmas"))
