"""Tables that unpack to more than they may, or cannot be unpacked: one line each, before memory is taken."""

import gzip
import io
import zipfile

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aisle.catalogue.formats import opening, workbook_budget
from aisle.catalogue.source import read_source
from aisle.pipeline.errors import AisleError

ROWS = [["id", "title"], ["1", "lamp"], ["2", "clock"]]


def zipped(files, method=zipfile.ZIP_DEFLATED):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def workbook(*cells):
    book, content = openpyxl.Workbook(), io.BytesIO()
    for row in ROWS:
        book.active.append(row)
    for cell in cells:
        book.active[cell] = "x"
    book.save(content)
    return content.getvalue()


def flagged(place, value):
    """Return a zip with another byte in both of its headers: that it is encrypted, or how it is packed."""
    content = bytearray(zipped({"a.csv": "id,title\n1,lamp\n"}))
    content[place] = value
    content[content.find(b"PK\1\2") + place + 2] = value
    return bytes(content)


BOMB = ("id,title\n1," + "a" * 3_000_000).encode()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv.gz", gzip.compress(BOMB)),
        ("a.jsonl.gz", gzip.compress(BOMB)),
        ("a.zip", zipped({"a.csv": BOMB})),
        ("a.xlsx", zipped({"xl/worksheets/sheet1.xml": BOMB})),
    ],
    ids=["gzip", "gzip of lines", "zip", "workbook"],  # what is packed has the time in it
)
def test_what_unpacks_to_more_than_it_may_is_a_clear_error(written, monkeypatch, name, content):
    path = written(name, content)
    monkeypatch.setattr(opening, "MOST_BYTES", 2**20)
    with pytest.raises(AisleError, match=r"must unpack to at most 1 MiB .* it unpacks to more"):
        read_source(path)


def test_a_value_that_a_million_rows_point_at_is_counted_before_it_is_unpacked(tmp_path, monkeypatch):
    n = 100_000
    title = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), pa.array(["x" * 10_000]))
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": pa.array(np.arange(n)).cast(pa.string()), "title": title}), path)
    monkeypatch.setattr(pq.ParquetFile, "read", lambda *_, **__: pytest.fail("it was unpacked"))
    with pytest.raises(AisleError, match="it unpacks to more"):
        read_source(path)


@pytest.mark.parametrize("rows", [64, 5000])
def test_a_parquet_of_many_equal_values_is_read(tmp_path, monkeypatch, rows):
    table = pa.table({"id": [str(i) for i in range(rows)], "of": [[{"name": "x" * 500}]] * rows})
    pq.write_table(table, tmp_path / "a.parquet")
    assert len(read_source(tmp_path / "a.parquet").table) == rows
    monkeypatch.setattr(opening, "MOST_TIMES", 1)
    monkeypatch.setattr(opening, "MOST_BYTES", 1_000_000)
    if rows == 5000:
        with pytest.raises(AisleError, match="it unpacks to more"):
            read_source(tmp_path / "a.parquet")


@pytest.mark.parametrize("cell", ["XFD1048576", "A1048576", "ZZ90000"])
def test_a_cell_far_away_takes_no_memory(written, cell):
    cells = (cell, "ZZ1") if cell[0] == "A" else (cell,)
    told = rf"at most 20,000,000 cells; xl/worksheets/sheet1\.xml in it has .* {6 + len(cells)} are filled"
    with pytest.raises(AisleError, match=told):
        read_source(written("a.xlsx", workbook(*cells)))


def test_a_few_empty_rows_and_columns_are_none_of_that(written):
    assert len(read_source(written("a.xlsx", workbook("Z2000"))).table) == 3


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ('<t:table-cell o:value="1"/><t:table-cell t:number-columns-repeated="16382"/>', 1),
        ('<t:table-cell t:number-columns-repeated="16382"/><t:table-cell><x:p>x</x:p>', 16383),
        ('<t:table-cell t:number-columns-repeated="1000" o:string-value="1"/>', 1000),
    ],
)
def test_repeated_cells_of_an_ods(cells, expected):
    row = f'<t:table-row t:number-rows-repeated="500">{cells}</t:table-row>'
    rows = f"<t:table>{row}</t:table>"
    assert workbook_budget._xml([rows[:90].encode(), rows[90:].encode()]) == (500 * expected, 1)


def test_cells_of_an_xlsb():
    def record(kind, first):
        return bytes([kind, 8]) + first.to_bytes(4, "little") + bytes(4)

    data = b"".join([record(0, 9), record(7, 2), record(0, 99), record(2, 4), bytes([0x80, 1, 3]) + bytes(3)])
    assert workbook_budget._binary([data[:11], data[11:]]) == (100 * 5, 2)


@pytest.mark.parametrize(("place", "value", "told"), [(6, 1, "encrypted"), (8, 9, "not supported")])
def test_a_zip_that_python_cannot_unpack_is_a_clear_error(written, place, value, told):
    with pytest.raises(AisleError, match=rf"must be a zip that can be unpacked here: .*{told}.* Unpack it"):
        read_source(written("a.zip", flagged(place, value)))
