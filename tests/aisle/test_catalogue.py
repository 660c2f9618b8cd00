"""aisle/catalogue.py: reading, mapping and checking the product table."""

import csv

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from aisle import catalogue, picture_files
from aisle.errors import AisleError

COLUMNS = {
    "id": "sku",
    "title": "name",
    "description": "text",
    "image": "file",
    "brand": "maker",
    "price": "cost",
    "specifications": "specs",
}
HEADER = [*COLUMNS.values(), "path", "ignored"]
LENIENT = catalogue.IngestParams(max_refused_share=0.5, min_category_size=5)


def parameters(columns=COLUMNS, separator=">", level=1, column="path"):
    return catalogue.CatalogueParams(
        name="shop",
        table="shop.csv",
        images="pictures",
        columns=columns,
        category={"column": column, "separator": separator, "level": level},
    )


def shop_rows(count=12):
    """Return rows, half of them in each of 2 categories."""
    return [
        {
            "sku": f"s{i}",
            "name": f"thing {i}",
            "text": "words, quoted",
            "file": f"{i}.jpg",
            "maker": "Acme",
            "cost": f"{i}.5",
            "specs": "Colour: red",
            "path": f"{'Garden' if i % 2 else 'Kitchen'} > sub{i % 4}",
            "ignored": "x",
        }
        for i in range(count)
    ]


def source(rows):
    frame = pd.DataFrame(rows, columns=HEADER).assign(_problem="")
    frame.index = pd.RangeIndex(2, len(rows) + 2, name="line")
    return frame


def ingest(rows, params=None, limits=LENIENT):
    return catalogue.validate(catalogue.map_columns(source(rows), params or parameters()), limits)


@pytest.fixture
def written(tmp_path):
    """Return a function that writes text, or rows, to a file and returns its path."""

    def write(name, content):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        elif name.endswith(".parquet"):
            pd.DataFrame(content).to_parquet(path)
        else:
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, HEADER, delimiter="\t" if name.endswith(".tsv") else ",")
                writer.writeheader()
                writer.writerows(content)
        return path

    return write


# ------------------------------------------------------------------------------------------------- reading


def test_csv_tsv_and_parquet_give_the_same_products(written):
    rows = shop_rows()
    tables = [
        catalogue.validate(
            catalogue.map_columns(catalogue.read_source(written(name, rows)), parameters()), LENIENT
        )[0]
        for name in ("a.csv", "a.tsv", "a.parquet")
    ]
    assert len(tables[0]) == 12
    pd.testing.assert_frame_equal(tables[0], tables[1])
    pd.testing.assert_frame_equal(tables[0], tables[2])


def test_parquet_types_become_text(written):
    frame = pd.DataFrame({"id": [7, 8], "price": [1.5, None], "flag": [True, False], "name": ["a", None]})
    table = catalogue.read_source(written("a.parquet", frame))
    assert table.to_numpy().tolist() == [["7", "1.5", "True", "a", ""], ["8", "", "False", "", ""]]
    assert list(table.index) == [1, 2]


def test_whole_ids_stay_whole_in_a_parquet_column_with_gaps(written):
    table = catalogue.read_source(written("a.parquet", pd.DataFrame({"id": [7, None, 9]})))
    assert list(table["id"]) == ["7", "", "9"]


@pytest.mark.parametrize(
    "content", [b"\xef\xbb\xbfid,name\n1,\xc3\xa9\n", "id,name\r\n1,é\r\n", "id,name\r1,é"]
)
def test_byte_order_mark_and_line_ends(written, content):
    table = catalogue.read_source(written("a.csv", content))
    assert list(table.columns) == ["id", "name", "_problem"]
    assert table.to_numpy().tolist() == [["1", "é", ""]]


def test_lines_are_those_of_the_file_when_a_field_spans_several(written):
    table = catalogue.read_source(written("a.csv", 'id,name\n1,"a\nb\n\nc"\n\n2,d\n3\n4,"e\nf"\n5,g,h\n'))
    assert list(table.index) == [2, 7, 8, 9, 11]
    assert list(table["name"]) == ["a\nb\n\nc", "d", "", "e\nf", "g"]
    assert [bool(problem) for problem in table["_problem"]] == [False, False, True, False, True]
    assert "1 fields, but the header has 2" in table["_problem"][8]
    assert "3 fields, but the header has 2" in table["_problem"][11]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", "", "must have a header line"),
        ("a.csv", "id,name\n1,caf\xe9\n".encode("latin-1"), "must be UTF-8"),
        ("a.csv", "id,name\n1,x\n".encode("utf-16"), "must be UTF-8"),
        ("a.parquet", "id,name\n1,x\n", "must be a Parquet file"),
        ("a.parquet", "", "must be a Parquet file"),
        ("a.xlsx", "id", "must end in .csv, .tsv or .parquet, not '.xlsx'"),
        ("a", "id", "must end in .csv, .tsv or .parquet"),
    ],
)
def test_a_file_that_is_no_table_is_a_clear_error(written, name, content, told):
    with pytest.raises(AisleError, match=told):
        catalogue.read_source(written(name, content))


def test_a_file_that_is_not_there_is_named(tmp_path):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(AisleError, match=r"catalogue\.table"):
            catalogue.read_source(path)


def test_two_columns_of_one_name_are_a_clear_error(written):
    with pytest.raises(AisleError, match="name"):
        table = catalogue.read_source(written("a.csv", "sku,name,name,path\n1,a,b,x > y\n"))
        catalogue.map_columns(table, parameters({"id": "sku", "title": "name"}))


# ------------------------------------------------------------------------------------------------- mapping


@pytest.mark.parametrize(
    ("text", "separator", "segments"),
    [
        ("A >> B  >> C", ">>", ["A", "B", "C"]),
        ('["A >> B"]', ">>", ["A", "B"]),
        ('["A >> B", "D >> E"]', ">>", ["A", "B"]),
        ("A >> B", None, ["A >> B"]),
        ("A/B", "/", ["A", "B"]),
        ("A >>", ">>", ["A", ""]),
        ("A >> >> B", ">>", ["A", "", "B"]),
        ("", ">>", [""]),
        ('["A >> B', ">>", [""]),
        ("[]", ">>", [""]),
    ],
)
def test_paths_are_split(text, separator, segments):
    assert catalogue.split_path(text, separator) == segments


@pytest.mark.parametrize("text", ["[1]", "[null]", '[["A >> B"]]', '[{"a": 1}]'])
@pytest.mark.parametrize("separator", [">>", None])
def test_a_list_that_holds_no_path_costs_its_row_only(text, separator):
    assert not all(catalogue.split_path(text, separator))


def test_all_columns_are_mapped():
    products, rejects = ingest([row | {"specs": "Colour: red; steel"} for row in shop_rows()])
    assert list(products.columns) == [
        "product_id", "title", "description", "category", "category_path", "image", "brand", "price",
        "specifications",
    ]  # fmt: skip
    assert rejects.empty
    assert products.loc[1].to_dict() == {
        "product_id": "s1",
        "title": "thing 1",
        "description": "words, quoted",
        "category": "Garden",
        "category_path": "Garden >> sub1",
        "image": "1.jpg",
        "brand": "Acme",
        "price": 1.5,
        "specifications": '[["Colour", "red"], ["", "steel"]]',
    }


def test_only_id_and_title_are_needed():
    table = source(shop_rows())[["sku", "name", "path", "_problem"]]
    mapped = catalogue.map_columns(table, parameters({"id": "sku", "title": "name"}))
    products, _ = catalogue.validate(mapped, LENIENT)
    assert len(products) == 12
    assert products["description"].eq("").all() and products["specifications"].eq("[]").all()
    assert products[["image", "brand", "price"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("level", "categories"), [(1, ["Garden", "Kitchen"]), (2, ["sub0", "sub1", "sub2", "sub3"])]
)
def test_the_level_chooses_the_category(level, categories):
    products, _ = ingest(shop_rows(24), parameters(level=level))
    assert sorted(products["category"].unique()) == categories


def test_without_separator_the_column_is_the_category():
    rows = [row | {"path": row["path"].split(" > ")[0] + " & more"} for row in shop_rows()]
    products, _ = ingest(rows, parameters(separator=None))
    assert set(products["category"]) == {"Garden & more", "Kitchen & more"}
    assert (products["category"] == products["category_path"]).all()


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("12", 12.0),
        ("12.50", 12.5),
        ("Rs. 1,299.50", 1299.5),
        ("Rs.999", 999.0),
        ("₹1,299", 1299.0),
        ("$ 5.-", 5.0),
        ("1299.0 INR", 1299.0),
        ("", np.nan),
        ("on request", np.nan),
    ],
)
def test_prices(text, price):
    rows = shop_rows()
    rows[3]["cost"] = text
    products, _ = ingest(rows)
    found = products.set_index("product_id")["price"]["s3"]
    assert found == pytest.approx(price, nan_ok=True)


def test_unreadable_specifications_cost_themselves_only(tmp_path):
    rows = shop_rows()
    rows[3]["specs"] = "{broken"
    rows[4]["specs"] = "[" * 100_000
    table = catalogue.map_columns(source(rows), parameters())
    products, rejects = catalogue.validate(table, LENIENT)
    assert len(products) == 12
    assert list(products.set_index("product_id")["specifications"][["s3", "s4"]]) == ["[]", "[]"]
    assert catalogue.counts(table, products, rejects, tmp_path)["specifications_unreadable"] == 2


@pytest.mark.parametrize(
    ("params", "told"),
    [
        (parameters(COLUMNS | {"title": "titel"}), ["titel", "sku", "catalogue.columns"]),
        (parameters(column="pfad"), ["pfad", "catalogue.category"]),
        (parameters(separator="|"), ["separator '|'", "Kitchen > sub0", "catalogue.category.separator"]),
    ],
)
def test_a_wrong_mapping_is_a_clear_error(params, told):
    with pytest.raises(AisleError) as error:
        catalogue.map_columns(source(shop_rows()), params)
    assert all(part in str(error.value) for part in told), str(error.value)
    assert "_problem" not in str(error.value)


def test_a_header_without_rows_is_a_clear_error():
    with pytest.raises(AisleError, match="a header and no row"):
        catalogue.map_columns(source([]), parameters())


def test_the_category_column_feeds_nothing_else():
    with pytest.raises(ValidationError, match="must feed nothing else"):
        parameters(COLUMNS | {"description": "path"})


# ------------------------------------------------------------------------------------------------ refusing


def test_refused_rows_have_their_line_and_reason():
    rows = shop_rows()
    rows[0] |= {"name": "  "}
    rows[3] |= {"path": "Garden > > x"}
    rows += [{**rows[5], "name": "again"}, {**rows[6], "sku": ""}, {**rows[7], "sku": "", "name": ""}]
    products, rejects = ingest(rows)
    assert list(products["product_id"]) == sorted(f"s{i}" for i in range(12) if i not in (0, 3))
    assert rejects[["line", "product_id", "title"]].to_numpy().tolist() == [
        [2, "s0", ""],
        [5, "s3", "thing 3"],
        [14, "s5", "again"],
        [15, "", "thing 6"],
        [16, "", ""],
    ]
    reasons = list(rejects["reason"])
    assert reasons[0] == "its title is empty"
    assert "category path" in reasons[1]
    assert "earlier line" in reasons[2]
    assert reasons[3] == "its id is empty"
    assert "its id is empty" in reasons[4] and "its title is empty" in reasons[4]


def test_a_path_shorter_than_the_level_is_refused():
    rows = shop_rows()
    rows = [row | {"path": "Garden > Tools"} for row in rows] + [rows[0] | {"sku": "short", "path": "Garden"}]
    products, rejects = ingest(rows, parameters(level=2))
    assert set(products["category"]) == {"Tools"}
    assert list(rejects["product_id"]) == ["short"] and "too short" in rejects["reason"][0]


def test_the_first_of_a_duplicate_id_stays():
    rows = [*shop_rows(), shop_rows()[0] | {"name": "second"}, shop_rows()[0] | {"name": "third"}]
    products, rejects = ingest(rows)
    assert products.set_index("product_id")["title"]["s0"] == "thing 0"
    assert list(rejects["title"]) == ["second", "third"]


def test_a_category_that_refused_rows_leave_too_small_is_refused():
    rows = [*shop_rows(), *(row | {"sku": f"{row['sku']}b", "path": "Toys"} for row in shop_rows()[:5])]
    assert ingest(rows)[1].empty
    rows[-1]["name"] = ""
    products, rejects = ingest(rows)
    assert set(products["category"]) == {"Garden", "Kitchen"}
    assert len(rejects) == 5
    assert rejects["reason"].str.contains("fewer than 5 products").sum() == 4


def test_the_order_of_the_source_changes_nothing():
    rows = shop_rows()
    expected, _ = ingest(rows)
    shuffled = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]
    pd.testing.assert_frame_equal(ingest(shuffled)[0], expected)


def test_too_many_refused_is_one_clear_error():
    rows = shop_rows(16)
    for row in rows[:4]:
        row["name"] = ""
    quarter = catalogue.IngestParams(max_refused_share=0.25, min_category_size=5)
    assert len(ingest(rows, limits=quarter)[1]) == 4
    with pytest.raises(AisleError) as error:
        ingest(rows, limits=catalogue.IngestParams(max_refused_share=0.24, min_category_size=5))
    told = str(error.value)
    assert all(
        part in told for part in ("24%", "4 of 16", "4 x its title is empty", "line 2", "max_refused_share")
    )
    assert "\n" not in told


def test_nothing_left_is_an_error_whatever_the_share():
    rows = [row | {"name": ""} for row in shop_rows()]
    with pytest.raises(AisleError, match="12 of 12"):
        ingest(rows, limits=catalogue.IngestParams(max_refused_share=1, min_category_size=5))


# ----------------------------------------------------------------------------------- pictures, counts, label


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in" / "sub").mkdir(parents=True)
    for name in ("secret.jpg", "in/a.jpg", "in/sub/b.jpg", "in/name with space.jpg"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "in" / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    return tmp_path / "in"


@pytest.mark.parametrize("name", ["a.jpg", "./a.jpg", "sub/b.jpg", "sub/../a.jpg", "name with space.jpg"])
def test_a_picture_inside_the_folder_is_found(folder, name):
    found = picture_files.picture_file(folder, name)
    assert found is not None and found.samefile(folder / name)


@pytest.mark.parametrize(
    "name",
    [None, "", "none.jpg", "../secret.jpg", "sub/../../secret.jpg", "link.jpg", ".", "sub", "a.jpg/x", "~"],
)
def test_anything_else_is_missing(folder, name):
    assert picture_files.picture_file(folder, name) is None


def test_an_absolute_name_is_missing(folder):
    assert picture_files.picture_file(folder, str(folder.parent / "secret.jpg")) is None


@pytest.mark.parametrize("name", ["x" * 300 + ".jpg", "a\0.jpg", "http://shop.example/" + "x" * 5000])
def test_a_name_that_no_file_can_have_is_missing(folder, name):
    assert picture_files.picture_file(folder, name) is None


def test_a_folder_that_is_not_there_has_no_picture(tmp_path):
    assert picture_files.picture_file(tmp_path / "none", "a.jpg") is None


def test_counts(folder):
    rows = shop_rows()
    rows[0] |= {"file": "a.jpg", "text": "", "maker": "", "cost": "", "specs": "", "path": "Kitchen > a > b"}
    rows[1] |= {"file": "", "name": "two words more"}
    rows[2] |= {"file": "../secret.jpg"}
    rows[3] |= {"specs": "{"}
    rows += [rows[4]]
    table = catalogue.map_columns(source(rows), parameters())
    products, rejects = catalogue.validate(table, LENIENT)
    assert catalogue.counts(table, products, rejects, folder) == {
        "rows": 13,
        "products": 12,
        "refused": 1,
        "refused_share": pytest.approx(1 / 13),
        "without_picture": 11,
        "without_picture_name": 1,
        "without_description": 1,
        "without_brand": 1,
        "without_price": 1,
        "without_specifications": 2,
        "specifications_unreadable": 1,
        "categories": 2,
        "smallest_category": 6,
        "largest_category": 6,
        "path_depth_min": 2,
        "path_depth_max": 3,
        "name_words": 25,
    }


def test_only_the_built_in_catalogue_is_synthetic():
    ids = pd.Series(["aisle-sample-0001", "aisle-sample-0002"])
    assert catalogue.is_synthetic(catalogue.label("sample", ids))
    assert catalogue.label("shop", pd.Series(["aisle-sample-0001", "real"])) == "shop"
    assert not catalogue.is_synthetic("shop")


@pytest.mark.parametrize(
    ("text", "price"), [(".99", 0.99), ("1e3", 1000), ("12,50", None), ("1.299,00 €", None)]
)
def test_a_price_is_read_whole_or_not_at_all(tmp_path, text, price):
    source = pd.DataFrame({"id": ["a"], "t": ["mug"], "c": ["cups"], "p": [text]}).assign(_problem="")
    params = catalogue.CatalogueParams(
        name="x",
        table="x",
        images="x",
        columns={"id": "id", "title": "t", "price": "p"},
        category={"column": "c"},
    )
    found = catalogue.map_columns(source, params)["price"][0]
    assert found == price if price is not None else np.isnan(found)


def test_a_stray_quote_is_an_error_that_names_the_line(tmp_path):
    lines = ["id,title", "1,mug", '2,"red mug', "3,cup"]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    with pytest.raises(AisleError, match="line 3"):
        catalogue.read_source(tmp_path / "t.csv")


def test_the_duplicate_of_a_refused_row_is_kept():
    rows = pd.DataFrame({"product_id": ["a", "a", *map(str, range(20))], "title": ["", *["mug"] * 21]})
    table = rows.assign(
        description="", category="cups", category_path="cups", image=None, brand=None, price=1.0
    ).assign(specifications="[]", specifications_unreadable=False, _problem="")
    products, rejects = catalogue.validate(
        table, catalogue.IngestParams(max_refused_share=0.1, min_category_size=5)
    )
    assert list(rejects["line"]) == [0] and len(products) == 21


def test_a_path_that_parquet_holds_as_a_list_is_read(tmp_path):
    paths = [["Cups >> Mugs"], ["Lamps >> Desk"]]
    pd.DataFrame({"id": [1, 2], "path": paths}).to_parquet(tmp_path / "t.parquet")
    source = catalogue.read_source(tmp_path / "t.parquet")
    assert [catalogue.split_path(text, ">>") for text in source["path"]] == [
        ["Cups", "Mugs"],
        ["Lamps", "Desk"],
    ]


def test_a_category_in_brackets_is_a_category_where_no_path_is_expected():
    assert catalogue.split_path("[New]  Lamps", None) == ["[New] Lamps"]
    assert catalogue.split_path("[New] Lamps", ">>") == [""]
