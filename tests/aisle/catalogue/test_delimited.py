"""catalogue/formats/delimited.py: dialects are found, broken records cost themselves, nothing is lost."""

import csv
import io
import time

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from aisle.catalogue.formats import delimited
from aisle.catalogue.formats.records import FormatParams
from aisle.catalogue.source import read_source
from aisle.pipeline.errors import AisleError


@pytest.mark.parametrize(
    "content",
    [b"\xef\xbb\xbfid,name\n1,\xc3\xa9\n", "id,name\r\n1,é\r\n", "id,name\r1,é", "sep=;\nid;name\n1;é"],
)
def test_byte_order_mark_line_ends_and_excels_own_line(written, content):
    records = read_source(written("a.csv", content))
    assert records.table.to_dict("records") == [{"id": "1", "name": "é"}]


def test_lines_are_those_of_the_file_when_a_field_spans_several(written):
    records = read_source(written("a.csv", 'id,name\n1,"a\nb\n\nc"\n\n2,d\n3\n4,"e\nf"\n5,g,h\n'))
    assert list(records.table.index) == [2, 7, 8, 9, 11]
    assert list(records.table["name"]) == ["a\nb\n\nc", "d", "", "e\nf", "g"]
    assert records.problems == {
        8: "1 fields, but the header has 2",
        11: "3 fields, but the header has 2",
    }


@pytest.mark.parametrize(
    "content",
    [
        "id,title,image\n1,mug,a.jpg,\n2,cup,b.jpg,\n",
        "id,title,image\n1,mug,a.jpg,\n2,cup,b.jpg\n",
        "id,title,image\n1,mug,a.jpg,,,\n2,cup,b.jpg\n",
        "id, title, image\n1, mug, a.jpg\n2, cup, b.jpg\n",
        'id, title, image\n1, "mug", a.jpg\n2, cup, "b.jpg"\n',
        "\n\nid;title;image\n1;mug;a.jpg\n\n2;cup;b.jpg",
    ],
)
def test_commas_at_the_end_and_spaces_shift_no_column(written, content):
    table = read_source(written("a.csv", content)).table
    assert table.to_dict("records") == [
        {"id": "1", "title": "mug", "image": "a.jpg"},
        {"id": "2", "title": "cup", "image": "b.jpg"},
    ]


def test_inch_marks_are_characters_where_every_line_is_a_record(written):
    content = 'id,title,text\n1,"Monitor 27,Screen\n2,Exercise book 10",Notebook\n3,hose,20 m\n'
    records = read_source(written("a.csv", content))
    assert list(records.table["title"]) == ['"Monitor 27', 'Exercise book 10"', "hose"]
    assert not records.problems and records.detected["quote"] == "none"


def test_a_quote_that_swallows_a_row_is_told_where_others_are_real(written):
    content = 'id,title,text\n1,"Monitor 27,Screen\n2,Exercise book 10",Notebook\n3,"hose, green",20 m\n'
    records = read_source(written("a.csv", content))
    assert list(records.table.index) == [2, 4]
    assert list(records.problems) == [2] and "inch mark" in records.problems[2]
    sure = read_source(written("a.csv", content), FormatParams(quote='"'))
    assert not sure.problems


def test_quotes_are_characters_in_tsv_unless_it_is_said(written):
    content = 'id\ttitle\n1\t"red 27\n2\tblue 27"\n3\t"a ""b"""\n'
    assert list(read_source(written("a.tsv", content)).table["title"]) == ['"red 27', 'blue 27"', '"a ""b"""']
    quoted = read_source(written("a.tsv", 'id\ttitle\n1\t"a ""b"""\n'), FormatParams(quote='"'))
    assert list(quoted.table["title"]) == ['a "b"']


@pytest.mark.parametrize("broken", ['2,"red mug', '2,"red" mug,x', '2,"27"" mug'])
def test_a_broken_record_costs_that_record(written, broken):
    lines = ["id,title", '1,"mug, blue"', broken, *(f'{i},"cup, {i}"' for i in range(3, 9))]
    records = read_source(written("a.csv", "\n".join(lines)))
    assert list(records.table["id"]) == [str(i) for i in range(1, 9)]
    assert list(records.problems) == [3]


def test_many_broken_records_end_in_one_error_in_time(written):
    rows = "\n".join(f'{i},"cup, {i}\n{i},x""y"z' for i in range(20_000))
    started = time.perf_counter()
    with pytest.raises(AisleError, match=r"must have quotes that match.*catalogue\.format\.quote"):
        read_source(written("a.csv", f'id,title\n0,"a, b"\n{rows}'), FormatParams(quote='"'))
    assert time.perf_counter() - started < 30


def test_two_columns_of_one_name_are_a_clear_error(written):
    with pytest.raises(AisleError, match="repeats name"):
        read_source(written("a.csv", "sku,name,name,path\n1,a,b,x > y\n"))


def test_a_carriage_return_inside_a_field_is_no_end_of_line(written):
    records = read_source(written("a.csv", b"id,title\n1,a\rb\n2,c\n"))
    assert list(records.table.index) == [2, 3] and list(records.problems) == [2]


TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20)
FIELD = TEXT.filter(lambda text: text == text.strip())


@st.composite
def tables(draw):
    """Draw a header and rows as a writer can write them."""
    width = draw(st.integers(2, 5))
    header = [f"column {i}" for i in range(width)]
    rows = draw(st.lists(st.lists(FIELD, min_size=width, max_size=width), min_size=1, max_size=8))
    return header, rows


@given(tables(), st.sampled_from(delimited.DELIMITERS), st.sampled_from(["\n", "\r\n"]), st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_a_writer_writes_is_read_back(tmp_path, table, delimiter, end, quote_all):
    header, rows = table
    assume(all(any(row) for row in rows))
    assume(
        quote_all or not any("\r" in field for row in rows for field in row)
    )  # Python's writer leaves it bare
    file = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
    csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows([header, *rows])
    path = tmp_path / "a.csv"
    path.write_bytes(file.getvalue().encode())
    records = read_source(path, FormatParams(delimiter=delimiter, quote='"', encoding="utf-8"))
    assert list(records.table) == header
    assert records.table.to_numpy().tolist() == rows
    assert not records.problems


@given(tables(), st.sampled_from(delimited.DELIMITERS))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_detected_is_right_or_told(tmp_path, table, delimiter):
    header, rows = table
    assume(all(any(row) for row in rows))
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(
        [header, *rows]
    )
    path = tmp_path / "a.csv"
    path.write_bytes(file.getvalue().encode())
    records = read_source(path, FormatParams(quote='"'))
    assert records.table.to_numpy().tolist() == rows


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_a_table_or_one_clear_error(tmp_path, content):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    try:
        records = read_source(path)
    except AisleError:
        return
    assert set(records.problems) <= set(records.table.index)


@given(st.text(st.sampled_from('a,;"\t '), max_size=40), st.integers(0, 5))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_without_quotes_every_line_is_a_record(tmp_path, line, copies):
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["id,title", *[f"1,{line}"] * copies]), newline="")
    records = read_source(path, FormatParams(delimiter=",", quote=""))
    assert len(records.table) == copies
