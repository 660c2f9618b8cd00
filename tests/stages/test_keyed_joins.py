"""Tables are joined by product_id: shuffling one changes nothing, dropping a product from one is an error."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ALIGNED = [
    ("make_folds", "", "pictures"),
    ("fuse_features", "text_picture", "picture"),
    ("cluster", "tfidf", "folds"),
    ("cluster", "descriptors", "folds"),
    ("classify", "text_baseline", "folds"),
    ("classify", "descriptors", "folds"),
    ("fuse", "", "predictions/text_specifications"),
    ("fuse", "", "predictions/descriptors"),
    ("evaluate", "", "folds"),
    ("evaluate", "", "products"),
    ("evaluate", "", "predictions/classifiers/descriptors"),
    ("evaluate", "", "predictions/fusions/late_fusion"),
    ("audit_labels", "", "predictions"),
    ("audit_labels", "", "products"),
    ("audit_labels", "", "folds"),
    ("compare_folds", "", "folds"),
    ("compare_folds", "", "predictions/text_baseline"),
    ("check_leakage", "", "texts"),
    ("check_leakage", "", "pictures"),
    ("check_leakage", "", "folds"),
    ("explain_text", "", "texts"),
    ("explain_text", "", "predictions"),
    ("explain_text", "", "products"),
    ("explain_fusion", "", "predictions/text_baseline"),
    ("explain_fusion", "", "predictions/descriptors"),
]
"""Stage, item, input: the tables that a stage puts in the order of another."""
LEADING = [
    ("make_folds", "", "products"),
    ("classify", "text_baseline", "input"),
    ("classify", "descriptors", "input"),
    ("fuse", "", "predictions/text_baseline"),
    ("evaluate", "", "predictions/classifiers/text_baseline"),
    ("check_leakage", "", "products"),
]
"""Those whose order the others follow."""
FEATURES = [("fuse_features", "text_picture", "text"), ("cluster", "tfidf", "features")]
MODELS = ("model", "models")
"""Outputs that say nothing of single products."""


@pytest.fixture
def run_changed(built, tmp_path):
    """Return a function that runs a stage with one input changed and returns (new, old) paths of outputs.

    The tables of a folder are given one by one; a model is written elsewhere and left out.
    """

    def run(stage, item, flag, change):
        flag, _, name = flag.partition("/")
        given = Path(built.flags(stage, item)[flag])
        source = tmp_path / "changed.parquet"
        if name:
            shutil.copytree(given, tmp_path / "changed")
            source, given = tmp_path / "changed" / f"{name}.parquet", given / f"{name}.parquet"
        pq.write_table(change(pq.read_table(given)), source)
        written = built.outputs(stage, item)
        new = {output: tmp_path / f"new_{output}" for output in written}
        replaced = {flag: tmp_path / "changed" if name else source} | new
        built.run(stage, item, **{key.replace("-", "_"): path for key, path in replaced.items()})
        compared = {new[key]: Path(path) for key, path in written.items() if key not in MODELS}
        return [
            (path / file.relative_to(old) if old.is_dir() else path, file)
            for path, old in compared.items()
            for file in (sorted(old.rglob("*.*")) if old.is_dir() else [old])
        ]

    return run


def shuffled(table: pa.Table) -> pa.Table:
    return table.take(np.random.default_rng(0).permutation(len(table)))


def without(product):
    return lambda table: table.filter(pa.compute.not_equal(table["product_id"], product))


def twice(product):
    return lambda table: pa.concat_tables(
        [table, table.filter(pa.compute.equal(table["product_id"], product))]
    )


def content(path, like):
    """Return what a file holds, whatever the order of its rows."""
    if like.suffix == ".json":
        return pd.DataFrame([pd.json_normalize(json.loads(path.read_text())).iloc[0].to_dict()])
    table = pd.read_parquet(path) if like.suffix == ".parquet" else pd.read_csv(path)
    keys = [name for name in table.columns if table[name].dtype != float]
    return table.sort_values(keys, ignore_index=True)


@pytest.mark.parametrize(("stage", "item", "flag"), ALIGNED)
def test_shuffling_an_aligned_table_gives_the_same_bytes(run_changed, stage, item, flag):
    outputs = run_changed(stage, item, flag, shuffled)
    assert outputs
    for new, old in outputs:
        assert new.read_bytes() == old.read_bytes(), old.name


@pytest.mark.parametrize(("stage", "item", "flag"), LEADING)
def test_shuffling_the_leading_table_gives_the_same_content(run_changed, stage, item, flag):
    outputs = run_changed(stage, item, flag, shuffled)
    assert outputs
    for new, old in outputs:
        # what is fitted on the same rows in another order is the same up to its solver's tolerance
        tolerance = {"classify": 5e-3, "evaluate": 1e-8}
        atol = tolerance.get(stage, 0)
        pd.testing.assert_frame_equal(content(new, old), content(old, old), atol=atol, rtol=0)


@pytest.mark.parametrize(("stage", "item", "flag"), [*ALIGNED, *LEADING, *FEATURES])
@pytest.mark.parametrize("change", [without, twice])
def test_a_product_dropped_or_doubled_in_one_table_is_named(run_changed, capsys, stage, item, flag, change):
    with pytest.raises(SystemExit) as stop:
        run_changed(stage, item, flag, change("p17"))
    written = capsys.readouterr().err
    assert stop.value.code == 2
    assert written.startswith("error: ") and len(written.splitlines()) == 1
    assert "p17" in written
