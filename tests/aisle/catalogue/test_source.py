"""catalogue/source.py: one reader for every format, and files that are none."""

import bz2
import contextlib
import gzip
import json
import lzma
import re
import zipfile

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aisle.catalogue.columns import map_columns
from aisle.catalogue.formats.records import FormatParams
from aisle.catalogue.source import READERS, read_source
from aisle.catalogue.validation import validate
from aisle.pipeline.errors import AisleError
from tests.aisle.catalogue.shop import LENIENT, parameters, shop_rows

ROWS = [{"id": "007", "name": 'café 27"', "n": "1e5"}, {"id": "NA", "name": "a\nb, c", "n": ""}]
CSV = 'id,name,n\n007,"café 27""",1e5\nNA,"a\nb, c",\n'


def write_all(folder):
    """Write ROWS in every format; return the files."""
    frame = pd.DataFrame(ROWS)
    frame.to_csv(folder / "a.csv", index=False)
    frame.to_csv(folder / "semicolon.csv", index=False, sep=";")
    frame.to_csv(folder / "bar.txt", index=False, sep="|")
    frame.to_csv(folder / "utf16.csv", index=False, encoding="utf-16")
    frame.to_csv(folder / "cp1252.csv", index=False, encoding="cp1252")
    frame.to_parquet(folder / "a.parquet")
    frame.to_excel(folder / "a.xlsx", index=False)
    (folder / "a.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    (folder / "list.json").write_text(json.dumps(ROWS, ensure_ascii=False), encoding="utf-8")
    (folder / "under.json").write_text(json.dumps({"version": 1, "products": ROWS}))
    for name, opener in (("a.csv.gz", gzip.open), ("a.csv.bz2", bz2.open), ("a.csv.xz", lzma.open)):
        with opener(folder / name, "wt", encoding="utf-8") as file:
            file.write(CSV)
    with zipfile.ZipFile(folder / "a.zip", "w") as packed:
        packed.writestr("inner/products.csv", CSV)
        packed.writestr("__MACOSX/inner/._products.csv", b"\0")
    items = "".join(
        "<item><g:id>{}</g:id><title>x</title><g:name>{}</g:name><g:n>{}</g:n></item>".format(*row.values())
        for row in ROWS
    )
    feed = f'<rss xmlns:g="http://base.google.com/ns/1.0"><channel>{items}</channel></rss>'
    (folder / "feed.xml").write_text(feed, encoding="utf-8")
    return sorted(folder.iterdir())


def test_every_format_gives_the_same_text(tmp_path):
    for path in write_all(tmp_path):
        records = read_source(path)
        assert records.table[["id", "name", "n"]].to_dict("records") == ROWS, path.name
        assert not records.problems and records.told().startswith("read as "), path.name


def test_csv_tsv_and_parquet_give_the_same_products(written):
    rows = shop_rows()
    params = parameters()
    tables = [
        validate(map_columns(read_source(written(name, rows)), params), LENIENT, params.category)[0]
        for name in ("a.csv", "a.tsv", "a.parquet")
    ]
    assert len(tables[0]) == 12
    pd.testing.assert_frame_equal(tables[0], tables[1])
    pd.testing.assert_frame_equal(tables[0], tables[2])


def test_typed_values_become_text(written):
    frame = pd.DataFrame({"id": [7, 8], "price": [1.5, None], "flag": [True, False], "name": ["a", None]})
    table = read_source(written("a.parquet", frame)).table
    assert table.to_numpy().tolist() == [["7", "1.5", "true", "a"], ["8", "", "false", ""]]
    assert list(table.index) == [1, 2]


def test_whole_ids_stay_whole_in_a_column_with_gaps(written, tmp_path):
    frame = pd.DataFrame({"id": [7, None, 9], "name": ["a", "b", "c"]})
    frame.to_excel(tmp_path / "a.xlsx", index=False)
    for path in (written("a.parquet", frame), tmp_path / "a.xlsx"):
        assert list(read_source(path).table["id"]) == ["7", "", "9"]


def test_a_json_number_is_as_it_is_written(written):
    table = read_source(written("a.jsonl", '{"id": 100034, "p": 1.10}\n{"id": 1e5, "p": null}\n')).table
    assert table.to_numpy().tolist() == [["100034", "1.10"], ["1e5", ""]]


def test_only_wanted_columns_of_parquet_are_read(written):
    frame = pd.DataFrame({"id": [1], "title": ["a"], "blob": [{"bytes": b"x" * 10, "path": None}]})
    table = read_source(written("a.parquet", frame), wanted=["id", "blob.bytes", "blob"]).table
    assert list(table) == ["id", "blob"] and table["blob"][1] == {"bytes": b"x" * 10, "path": ""}
    assert list(read_source(written("a.parquet", frame), wanted=["id"]).table) == ["id"]


def test_names_of_hugging_faces_classes(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    features = {"label": {"names": ["Bags", "Lamps"], "_type": "ClassLabel"}, "id": {"dtype": "int64"}}
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pa.table({"id": [1, 2], "label": [1, 0]}).replace_schema_metadata(about)
    pq.write_table(table, tmp_path / "train.parquet")
    assert list(read_source(tmp_path / "train.parquet").table["label"]) == ["Lamps", "Bags"]


def test_a_sheet_below_a_title_and_the_one_that_is_named(tmp_path):
    with pd.ExcelWriter(tmp_path / "a.xlsx") as book:
        pd.DataFrame().to_excel(book, sheet_name="empty", index=False)
        pd.DataFrame({"id": [1.0, 2.5]}).to_excel(book, sheet_name="one", index=False, startrow=2)
        pd.DataFrame({"id": ["x"]}).to_excel(book, sheet_name="two", index=False)
    first = read_source(tmp_path / "a.xlsx")
    assert list(first.table["id"]) == ["1", "2.5"] and list(first.table.index) == [4, 5]
    assert "sheet one" in first.told() and "two" in first.told()
    assert list(read_source(tmp_path / "a.xlsx", FormatParams(sheet="two")).table["id"]) == ["x"]
    with pytest.raises(AisleError, match="must have the sheet 'three'; it has empty, one, two"):
        read_source(tmp_path / "a.xlsx", FormatParams(sheet="three"))


def test_a_broken_line_of_json_costs_that_line(written):
    records = read_source(written("a.jsonl", '{"id": 1}\n{"id": \n\n[1]\n{"id": 4}\n' + "[" * 100_000 + "\n"))
    assert list(records.table.index) == [1, 2, 4, 5, 6]
    assert set(records.problems) == {2, 4, 6}


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", "", "must have a header line"),
        ("a.csv.gz", b"\x1f\x8b", "must be a whole gz file"),
        ("a.csv.gz", gzip.compress(CSV.encode() * 99, mtime=0)[:-9], "must be a whole gz file"),
        ("a.csv.xz", b"no", "must be a whole xz file"),
        ("a.zip", b"no", "must be a zip file"),
        ("a.parquet", "id,name\n1,x\n", "must be a whole Parquet file"),
        ("a.parquet", "", "must be a whole Parquet file"),
        ("a.xlsx", "id", "must be a workbook"),
        ("a.jsonl", "id", "must have JSON objects"),
        ("a.json", "3", "must have JSON objects"),
        ("a.xml", "<rss>", "must be well-formed XML"),
        ("a.xml", "<rss><item/></rss>", "must have products"),
        ("a.xml", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "without entities of its own"),
        ("a.pdf", "id", r"must end in \.csv, \.tsv"),
        ("a", "id", r"must end in \.csv, \.tsv"),
    ],
)
def test_a_file_that_is_no_table_is_a_clear_error(written, name, content, told):
    with pytest.raises(AisleError, match=told):
        read_source(written(name, content))


def test_a_cut_parquet_is_a_clear_error(written, tmp_path):
    whole = written("a.parquet", pd.DataFrame({"id": range(1000)})).read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AisleError, match="must be a whole Parquet file"):
        read_source(tmp_path / "cut.parquet")


def test_a_zip_of_two_tables_is_a_clear_error(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("a.csv", CSV)
        packed.writestr("b.csv", CSV)
    with pytest.raises(AisleError, match=r"must hold one table; it holds a\.csv, b\.csv"):
        read_source(tmp_path / "a.zip")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(AisleError, match=r"catalogue\.table"):
        read_source(tmp_path / "none.csv")
    with pytest.raises(AisleError, match="must hold tables of products"):
        read_source(tmp_path)


def test_an_encoding_that_is_none_or_another_is_a_clear_error(written):
    path = written("a.csv", "id,name\n1,caf\xe9\n".encode("latin-1"))
    assert read_source(path).table["name"][2] == "café"
    with pytest.raises(AisleError, match=r"must be text in utf-8; .*catalogue\.format\.encoding"):
        read_source(path, FormatParams(encoding="utf-8"))
    with pytest.raises(AisleError, match="not 'klingon'"):
        read_source(path, FormatParams(encoding="klingon"))


def test_tables_of_a_folder_are_stacked(tmp_path):
    pd.DataFrame({"id": [1], "a": ["x"]}).to_csv(tmp_path / "1.csv", index=False)
    pd.DataFrame({"id": [2], "b": ["y"]}).to_parquet(tmp_path / "2.parquet")
    (tmp_path / "README.md").write_text("no table")
    table = read_source(tmp_path).table
    assert table.to_dict("index") == {
        "1.csv:2": {"id": "1", "a": "x", "b": ""},
        "2.parquet:1": {"id": "2", "a": "", "b": "y"},
    }


def test_tables_are_joined_by_a_key_whatever_their_order(tmp_path):
    (tmp_path / "X.csv").write_text(",name\n0,mug\n1,cup\n2,lamp\n")
    (tmp_path / "Y.csv").write_text(",label\n2,Lamps\n0,Cups\n7,x\n")
    records = read_source(tmp_path, tables=["X.csv", "Y.csv"], join="")
    assert list(records.table["label"]) == ["Cups", "", "Lamps"]
    assert "2 of 3 joined" in records.told()


@pytest.mark.parametrize(
    ("label", "told"),
    [
        (",label\n0,a\n0,b\n", "must have each '' once to be joined; it repeats 0"),
        ("id,label\n0,a\n", "must have the column ''"),
        (",name\n0,a\n", "must not have columns of X.csv but ''; it has name"),
    ],
)
def test_a_join_that_cannot_be_is_a_clear_error(tmp_path, label, told):
    (tmp_path / "X.csv").write_text(",name\n0,mug\n1,cup\n")
    (tmp_path / "Y.csv").write_text(label)
    with pytest.raises(AisleError, match=told):
        read_source(tmp_path, tables=["X.csv", "Y.csv"], join="")


@pytest.mark.parametrize("name", ["../X.csv", "sub/X.csv", "/etc/passwd"])
def test_tables_lie_in_their_folder(tmp_path, name):
    with pytest.raises(AisleError, match="must be names of files"):
        read_source(tmp_path, tables=[name])


FIELD = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20).filter(
    lambda text: text == text.strip()
)
ROW = st.fixed_dictionaries({"id": FIELD, "name": FIELD, "n": FIELD}).filter(lambda row: any(row.values()))
ROWS_DRAWN = st.lists(ROW, min_size=1, max_size=6)
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(ROWS_DRAWN)
@QUICK
def test_json_parquet_and_excel_that_can_be_written_are_read_back(tmp_path, rows):
    frame = pd.DataFrame(rows)
    frame.to_parquet(tmp_path / "a.parquet")
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "b.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    names = ["a.parquet", "a.jsonl", "b.json"]
    if all(re.fullmatch(r"[\w ,;:&<>\"'.-]*", value) for row in rows for value in row.values()):
        frame.to_excel(tmp_path / "a.xlsx", index=False)  # its writer refuses some signs, and = is a formula
        names.append("a.xlsx")
    for name in names:
        assert read_source(tmp_path / name).table.to_dict("records") == rows, name


@given(st.binary(max_size=300), st.sampled_from(sorted({*READERS})))
@QUICK
def test_any_bytes_are_a_table_or_one_clear_error(tmp_path, content, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with contextlib.suppress(AisleError):
        read_source(path)


@given(st.data())
@QUICK
def test_a_damaged_file_is_a_table_or_one_clear_error(tmp_path, data):
    """Whole files of each format with some bytes changed, or cut."""
    folder = tmp_path / "whole"
    if not folder.exists():
        folder.mkdir()
        write_all(folder)
    whole = data.draw(st.sampled_from(sorted(folder.iterdir())))
    content = bytearray(whole.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    path = tmp_path / whole.name
    path.write_bytes(bytes(content[: data.draw(st.integers(1, len(content)))]))
    with contextlib.suppress(AisleError):
        read_source(path)


@pytest.mark.parametrize("depth", [101, 700, 100_000])
@pytest.mark.parametrize("name", ["a.jsonl", "a.xml"])
def test_a_record_that_is_nested_deeply_costs_itself(written, name, depth):
    depth = max(depth, 2000) if name == "a.xml" else depth
    lines = ['{"id": "1"}', f'{{"id": "2", "x": {"[" * depth + "]" * depth}}}']
    feed = f"<f><item><id>1</id></item><item><id>2</id>{'<a>' * depth}{'</a>' * depth}</item></f>"
    records = read_source(written(name, feed if name == "a.xml" else "\n".join(lines)))
    assert len(records.table) == 2 and records.table["id"].iloc[0] == "1"
    assert len(records.problems) == 1 and "nested too deeply" in records.problems[2]


def test_half_a_character_is_none(written):
    found = read_source(written("a.jsonl", '{"id": "a\\ud800", "\\udc00": ["\\ud83d\\ude00"]}')).table
    assert found.to_dict("records") == [{"id": "a?", "?": ["\U0001f600"]}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", "{'id': '7', 'x': None, 'y': \"it's\"}\n{'id': '\\xe9', 'x': True, 'y': 'a\\'\"b'}"),
        ("a.jsonl", '[{"id": "7", "x": null, "y": "it\'s"},\n{"id": "é", "x": true, "y": "a\'\\"b"}\n]'),
    ],
)
def test_what_python_prints_and_a_list_named_jsonl(written, name, content):
    rows = [{"id": "7", "x": "", "y": "it's"}, {"id": "é", "x": "true", "y": "a'\"b"}]
    assert read_source(written(name, content)).table.to_dict("records") == rows


def test_markup_amid_the_text_of_a_feed_is_text(written):
    item = "<item><id>1</id><title>a <b>red</b> lamp</title></item>"
    assert read_source(written("a.xml", f"<f>{item}</f>")).table["title"].tolist() == ["a red lamp"]


def test_parquet_columns_are_found_whatever_their_case_and_must_be_there_once(tmp_path):
    table = pa.table([["1"], ["a"]], names=["ID", " Title"])
    pq.write_table(table, tmp_path / "a.parquet")
    assert read_source(tmp_path / "a.parquet", wanted=["id", "title"]).table.columns.tolist() == [
        "ID",
        " Title",
    ]
    pq.write_table(pa.table([["1"], ["a"]], names=["id", "id"]), tmp_path / "b.parquet")
    with pytest.raises(AisleError, match="each column once; its header repeats id"):
        read_source(tmp_path / "b.parquet")


def test_an_encoding_that_is_guessed_is_shown_by_a_word(written):
    path = written("a.csv", "id,title\n1,plain\n2,café noir\n".encode("cp1252"))
    assert (
        "encoding cp1252, guessed, which makes 'café' (catalogue.format.encoding)" in read_source(path).told()
    )
    assert "guessed" not in read_source(path, FormatParams(encoding="cp1252")).told()
    assert "guessed" not in read_source(written("a.csv", "id,title\n1,café\n")).told()
