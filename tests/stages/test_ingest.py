"""stages/ingest.py: the built-in catalogue as planned, wrong input as a user meets it."""

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from aisle.pipeline import tables
from aisle.pipeline.params import read_yaml


@pytest.fixture(scope="module")
def sample(repo, tmp_path_factory):
    """Return the folder of what ingest, run by its command line, makes of the sample."""
    out = tmp_path_factory.mktemp("sample")
    command = [
        sys.executable, "-m", "stages.ingest",
        "--changes", "data/category_changes.csv", "--labels", "data/labels.csv",
        "--products", str(out / "products.parquet"), "--rejects", str(out / "rejects.csv"),
        "--embedded", str(out / "embedded_pictures.parquet"), "--metrics", str(out / "ingest.json"),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=repo, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("210 products, 3 rows refused, see ") and not done.stderr
    return out


@pytest.fixture(scope="module")
def planted(repo):
    return json.loads((repo / "data/sample/planted.json").read_text(encoding="utf-8"))


def test_the_samples_products(sample, planted):
    products = tables.read(sample / "products.parquet")
    assert len(products) == planted["expected_products"]
    assert products.attrs["catalogue"] == "sample (synthetic)"
    assert products["product_id"].is_monotonic_increasing and products["product_id"].is_unique
    assert products["category"].value_counts().tolist() == [30] * 7
    labels = products.set_index("product_id")["category"]
    for product, label in planted["wrong_labels"].items():
        assert (label == labels[product]) or label in set(labels)


def test_each_planted_fault_is_refused_at_its_line(sample, planted, repo):
    rejects = pd.read_csv(sample / "rejects.csv", keep_default_na=False).set_index("line")
    assert len(rejects) == planted["expected_refused"]
    assert rejects.index.is_monotonic_increasing
    for lines, reason in (
        (planted["duplicate_id_lines"], "earlier line"),
        (planted["empty_product"], "it has no title, description"),
        (planted["bad_category_path"], "empty segment"),
    ):
        for line in lines:
            assert reason in rejects.loc[line, "reason"]
    assert rejects.loc[planted["duplicate_id_lines"], "product_id"].tolist() == planted["duplicate_id"]
    physical = (repo / "data/sample/products.csv").read_text(encoding="utf-8-sig").splitlines()
    for line, product in rejects["product_id"].items():
        assert physical[line - 1].startswith(product)


def test_the_samples_counts(sample, planted):
    metrics = json.loads((sample / "ingest.json").read_text())
    assert metrics["products"] == planted["expected_products"]
    assert metrics["refused"] == planted["expected_refused"]
    assert metrics["rows"] == metrics["products"] + metrics["refused"]
    assert metrics["without_picture"] == len(planted["missing_picture"])
    assert (metrics["categories"], metrics["smallest_category"]) == (7, 30)


def test_the_order_of_the_rows_changes_no_byte(make_workspace, capsys):
    def shuffle(rows):
        rows[:] = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]

    files = []
    for edit in (None, shuffle):
        workspace = make_workspace(edit, pictures=False)
        workspace.run("ingest")
        files.append((workspace.root / "data/products.parquet").read_bytes())
    assert files[0] == files[1]


def change(position, **values):
    return lambda rows: rows[position].update(values)


def write_text(content):
    return lambda workspace: (workspace.root / "products.csv").write_bytes(content)


def set_params(section, **values):
    def edit(workspace):
        workspace.params[section] |= values
        workspace.write_params(workspace.params)

    return edit


def spoil_all(**values):
    def edit(workspace):
        with (workspace.root / "products.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        workspace.write_table([row | values for row in rows])

    return edit


PROBLEMS = {
    "empty file": (write_text(b""), ["products.csv", "header"]),
    "header only": (
        write_text(b"id,title,category_path,description,brand,price,image,specifications\n"),
        ["no row"],
    ),
    "no such table": (lambda workspace: (workspace.root / "products.csv").unlink(), ["no such file"]),
    "no such column": (
        set_params("catalogue", columns={"id": "id", "title": "name"}),
        ["column(s) name", "catalogue.columns"],
    ),
    "wrong separator": (
        set_params("catalogue", category={"column": "category_path", "separator": "/", "level": 1}),
        ["separator '/'", "Clocks >> leaf00token"],
    ),
    "half the separator": (
        set_params("catalogue", category={"column": "category_path", "separator": ">", "level": 1}),
        ["60 of 60", "category path"],
    ),
    "level too deep": (
        set_params("catalogue", category={"column": "category_path", "separator": ">>", "level": 3}),
        ["two categories at least", "catalogue.category.level: 1 gives 3"],
    ),
    "leaf as category": (
        set_params("catalogue", category={"column": "category_path", "separator": ">>", "level": 2}),
        ["60 of 60", "fewer than 15 products"],
    ),
    "category as text": (
        set_params("catalogue", columns={"id": "id", "title": "title", "description": "category_path"}),
        ["catalogue", "feed nothing else"],
    ),
    "nothing to tell by": (
        spoil_all(title=" ", description="", image="", specifications=""),
        ["60 of 60", "no title, description, specifications or picture"],
    ),
    "all ids the same": (spoil_all(id="p1"), ["59 x its id is on an earlier line too"]),
    "wrong value": (set_params("ingest", max_refused_share=5), ["ingest.max_refused_share", "5"]),
    "unknown key": (set_params("ingest", max_refused=5), ["ingest.max_refused"]),
    "broken params": (
        lambda workspace: (workspace.root / "params.yaml").write_text("catalogue: {name: [\n"),
        ["params.yaml", "YAML"],
    ),
    "no params": (lambda workspace: (workspace.root / "params.yaml").unlink(), ["params.yaml"]),
}


def check_problem(name, workspace, status, out, err):
    assert status == 2, err
    assert len(err.splitlines()) == 1, err
    assert err.startswith("error: ") and "Traceback" not in err
    assert all(part in err for part in PROBLEMS[name][1]), err
    assert not (workspace.root / "data").exists() and not out


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_problem_is_one_line_and_status_2(make_workspace, capsys, name):
    workspace = make_workspace(pictures=False)
    PROBLEMS[name][0](workspace)
    with pytest.raises(SystemExit) as end:
        workspace.run("ingest")
    check_problem(name, workspace, end.value.code, *capsys.readouterr())


@pytest.mark.parametrize("name", ["empty file", "no such table", "broken params"])
def test_so_it_is_in_a_process(make_workspace, repo, name):
    workspace = make_workspace(pictures=False)
    PROBLEMS[name][0](workspace)
    command = [sys.executable, "-m", "stages.ingest", *workspace.arguments("ingest")]
    done = subprocess.run(command, cwd=repo, env=os.environ, capture_output=True, text=True, check=False)
    check_problem(name, workspace, done.returncode, done.stdout, done.stderr)


def test_every_kind_of_bad_row_at_once_costs_those_rows(make_workspace, capsys):
    """Broken fields, ids, titles and paths; pictures that are elsewhere or nowhere; hostile values."""

    def edit(rows):
        rows[0] |= {"title": "", "description": "", "image": "", "specifications": ""}
        rows[21] |= {"category_path": ""}
        rows[41] |= {"id": rows[40]["id"]}
        rows[22] |= {"category_path": '[{"a": 1}]'}
        rows[2] |= {"image": "../../etc/passwd"}
        rows[3] |= {"image": "x" * 400}
        rows[4] |= {"image": "a\0b.png", "title": 'line\nbreak, "quoted"'}
        rows[5] |= {"specifications": "[" * 50_000}
        rows[6] |= {"specifications": '{"a": "\\ud800"}'}
        rows[7] |= {"price": "Rs. 1,299.50", "description": "<![foo[ bar ]]>"}

    workspace = make_workspace(edit)
    workspace.params["ingest"]["max_refused_share"] = 0.1
    workspace.params["folds"]["n_splits"] = 3  # the stages after it need not end in good scores
    workspace.write_params(workspace.params)
    workspace.run_all()
    rejects = pd.read_csv(workspace.root / "data/rejects.csv", keep_default_na=False)
    # p04's title spans two lines: everything after it is one line further down
    assert rejects["line"].tolist() == [2, 44]
    products = tables.read(workspace.root / "data/products.parquet").set_index("product_id")
    assert list(products.index[products["category"].isna()]) == ["p21", "p22"]
    assert len(products) == 58 and products.loc["p07", "price"] == 1299.5
    pictures = tables.read(workspace.root / "data/images.parquet", ["product_id", "problem"])
    missing = pictures[pictures["problem"].notna()]
    assert missing["product_id"].tolist() == ["p02", "p03", "p04"]
    assert set(missing["problem"]) == {"file missing"}


def test_peoples_labels_go_before_the_tables(repo, sample, tmp_path):
    """The command line, on the built-in catalogue: what is said of it, and what cannot be said of it."""

    def run(*rows):
        (tmp_path / "labels.csv").write_text("\n".join(["product_id,category_path,who,when,why", *rows, ""]))
        command = [sys.executable, "-m", "stages.ingest", "--changes", "data/category_changes.csv",
                   "--labels", str(tmp_path / "labels.csv")]  # fmt: skip
        for name in ("products.parquet", "rejects.csv", "embedded.parquet", "metrics.json"):
            command += [f"--{name.split('.')[0]}", str(tmp_path / name)]
        return subprocess.run(command, cwd=repo, capture_output=True, text=True, check=False)

    assert run().returncode == 0
    assert (tmp_path / "products.parquet").read_bytes() == (sample / "products.parquet").read_bytes()
    product, day = "aisle-sample-0001", "2026-05-01T10:00:00+00:00"
    before = tables.read(sample / "products.parquet").set_index("product_id")["category"]
    other = next(name for name in sorted(set(before)) if name != before[product])
    done = run(f"{product},{other},ann,{day},seen", f"gone-1,{other},ann,{day},")
    assert done.returncode == 0, done.stderr
    assert "1 products have people's labels" in done.stdout and "not in the catalogue: gone-1" in done.stdout
    after = tables.read(tmp_path / "products.parquet").set_index("product_id")["category"]
    assert after[product] == other and after.drop(product).equals(before.drop(product))
    assert json.loads((tmp_path / "metrics.json").read_text())["labels_changed"] == 1
    done = run(f"{product},Kitchn,ann,{day},")
    assert done.returncode == 2 and "'Kitchn' is none. There are " in done.stderr
    assert "Traceback" not in done.stderr


def test_the_mapping_of_the_repository_fits_its_sample(repo):
    with (repo / "data/sample/products.csv").open(encoding="utf-8") as file:
        header = next(csv.reader(file))
    catalogue = read_yaml(repo / "params.yaml")["catalogue"]
    assert {*catalogue["columns"].values(), catalogue["category"]["column"]} == set(header)
