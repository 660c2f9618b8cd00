"""deployment/batch.py, shards.py, shard_pool.py: shards give what one table gives, whatever happens."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aisle import predict
from aisle.deployment import batch, shard_pool, shards
from aisle.deployment.batch import Counts, Job
from aisle.deployment.predictor import Predictor
from aisle.deployment.shards import Results
from aisle.pipeline.errors import AisleError
from tools.measured import measured


@pytest.fixture(scope="module")
def products(text_workspace) -> pd.DataFrame:
    """Return 180 products, as text."""
    table = pd.read_csv(text_workspace.root / "products.csv", dtype=str, keep_default_na=False)
    return pd.concat([table] * 3, ignore_index=True)


@pytest.fixture
def given(products, tmp_path) -> Path:
    """Return a folder of three shards, one of them in a folder of its own and one empty."""
    folder = tmp_path / "given"
    (folder / "b").mkdir(parents=True)
    for place, rows in {
        "a.parquet": slice(0, 100),
        "b/c.parquet": slice(100, 180),
        "d.parquet": slice(0),
    }.items():
        products.iloc[rows].to_parquet(folder / place, index=False)
    return folder


def run(package: Path, pattern: str, output: str, *more: str) -> None:
    arguments = predict.parser().parse_args(["--input", pattern, "--output", output, *more])
    predict.shards(package, arguments)


def contents(folder: Path) -> dict[str, bytes]:
    files = sorted(each for each in folder.rglob("*") if each.is_file())
    return {each.relative_to(folder).as_posix(): each.read_bytes() for each in files}


@pytest.fixture
def small(monkeypatch) -> None:
    """Read few rows at a time; in this process alone."""
    monkeypatch.setattr(batch, "ROWS", 64)


def test_shards_give_what_one_table_gives(small, text_package, products, given, tmp_path):
    run(text_package, f"{given}/**/*.parquet", str(tmp_path / "out"), "--workers", "1")
    assert [*contents(tmp_path / "out")] == ["a.parquet", "b/c.parquet", "d.parquet"]
    products.iloc[:100].to_csv(tmp_path / "a.csv", index=False)
    one = predict.parser().parse_args(
        ["--input", str(tmp_path / "a.csv"), "--output", str(tmp_path / "a.parquet")]
    )
    predict.many(Predictor(text_package), one)
    expected, found = (pd.read_parquet(path) for path in (tmp_path / "a.parquet", tmp_path / "out/a.parquet"))
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    empty = pq.ParquetFile(tmp_path / "out/d.parquet")
    assert empty.metadata.num_rows == 0 and empty.schema_arrow == pq.read_schema(tmp_path / "out/a.parquet")


def test_processes_give_the_same_bytes_as_one(text_package, given, tmp_path, capsys):
    run(text_package, f"{given}/**/*.parquet", str(tmp_path / "one"), "--workers", "1")
    run(text_package, f"{given}/**/*.parquet", str(tmp_path / "two"), "--workers", "2")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert capsys.readouterr().err.count("180 products predicted") == 2


def test_a_killed_run_goes_on_with_what_is_missing(text_package, given, tmp_path):
    """It is killed, with all its processes, when the first shard is there."""
    for i in range(6):
        shutil.copy(given / "a.parquet", given / f"e{i}.parquet")
    run(text_package, f"{given}/**/*.parquet", str(tmp_path / "expected"))
    out = tmp_path / "out"
    command = [sys.executable, "-m", "aisle.predict", "--model", str(text_package), "--workers", "1"]
    command += ["--input", f"{given}/**/*.parquet", "--output", str(out)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    while process.poll() is None and not [*out.rglob("*.parquet")]:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    there = {each: each.stat().st_mtime_ns for each in out.rglob("[!.]*.parquet")}
    assert 1 <= len(there) < 9, "it ended before it could be killed"
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"9 shards; {len(there)} are predicted already" in done.stderr
    assert all(each.stat().st_mtime_ns == when for each, when in there.items())
    made = {place: data for place, data in contents(out).items() if not place.endswith(".part")}
    assert made == contents(tmp_path / "expected")


def test_one_poisoned_row_costs_one_row(small, text_package, products, given, tmp_path, monkeypatch):
    """A text that is no UTF-8, and one that a library cannot bear."""
    texts = [text.encode() for text in products["title"].iloc[:100]]
    texts[7] = b"\xff\xfe lamp"
    raw = pa.Table.from_pandas(products.iloc[:100], preserve_index=False)
    column = pa.Array.from_buffers(pa.string(), 100, pa.array(texts, pa.binary()).buffers())
    raw = raw.set_column(raw.column_names.index("title"), "title", column)
    pq.write_table(raw, given / "a.parquet")
    broken = products["description"].iloc[70]
    own = Predictor.decide

    def decide(self, inputs):
        if broken in inputs.texts(["description"], "raw"):
            raise FloatingPointError("beyond bearing")
        return own(self, inputs)

    run(text_package, f"{given}/b/*.parquet", str(tmp_path / "before"), "--workers", "1")
    clean = Predictor(text_package).predict(products.iloc[:100][["title", "description", "specifications"]])
    monkeypatch.setattr(Predictor, "decide", decide)
    run(text_package, f"{given}/a.parquet*", str(tmp_path / "out"), "--workers", "1")
    found = pd.read_parquet(tmp_path / "out/a.parquet")
    told = found.index[found["warning"].str.startswith("the record is malformed")]
    same = [i for i in range(100) if products["description"].iloc[i] == broken]
    assert [*told] == sorted([7, *same]) and found.loc[told, "send_to_person"].all()
    assert "title is no string" in found["warning"][7]
    assert "FloatingPointError: beyond bearing" in found["warning"][same[0]]
    others = [i for i in range(100) if i not in told]
    names = [name for name in clean if name.startswith("p_")]
    pd.testing.assert_frame_equal(found.loc[others, names], clean.loc[others, names], check_exact=True)


def test_a_fault_that_is_no_rows_is_not_taken_for_one(text_package, products, monkeypatch):
    def decide(self, inputs):
        raise FloatingPointError("whatever comes")

    monkeypatch.setattr(Predictor, "decide", decide)
    with pytest.raises(FloatingPointError, match="whatever comes"):
        batch.predicted(Predictor(text_package), products.iloc[:3][["title"]], [""] * 3, Path())


def die_once(model, job, shard, tell) -> Counts:
    """Die as a process that is out of memory, the first time that a shard comes, or each time."""
    mark = Path(job.images)
    if shard.place == "a.parquet" and (mark.name == "ever" or not mark.exists()):
        mark.touch()
        tell(5)
        os.kill(os.getpid(), signal.SIGKILL)
    return batch.predict_shard(model, Job(job.package, str(mark.parent), job.output), shard, tell)


def work_that_dies(pipe, job, cores) -> None:
    """Work as a new process does, in which nothing is patched yet."""
    shard_pool.predict_shard = die_once
    shard_pool._work(pipe, job, cores)


@pytest.mark.parametrize("mark", ["once", "ever"])
def test_a_process_that_dies_costs_at_most_its_shard(mark, text_package, given, tmp_path, monkeypatch):
    monkeypatch.setattr(shard_pool, "_work", work_that_dies)
    every = shards.find(f"{given}/**/*.parquet")
    job = Job(str(text_package), str(tmp_path / mark), str(tmp_path / "out"))
    if mark == "once":
        total = shard_pool.predict_shards(job, every, 2)
        assert total.products == 180 and len(contents(tmp_path / "out")) == 3
        return
    with pytest.raises(AisleError, match=r"1 of 3 shards.*a\.parquet: its process died 2"):
        shard_pool.predict_shards(job, every, 2)
    assert [*contents(tmp_path / "out")] == ["b/c.parquet", "d.parquet"]


def work_once(pipe, job, cores) -> None:
    """Predict one shard, and die before the next one comes."""
    model = Predictor(job.package)
    pipe.send(batch.predict_shard(model, job, pipe.recv()))
    os._exit(1)


def test_a_process_that_dies_between_two_shards_costs_none(text_package, given, tmp_path, monkeypatch):
    monkeypatch.setattr(shard_pool, "_work", work_once)
    monkeypatch.setattr(shard_pool.Progress, "shard", lambda _: time.sleep(0.5))  # it is dead by then
    every = shards.find(f"{given}/**/*.parquet")
    total = shard_pool.predict_shards(Job(str(text_package), str(tmp_path), str(tmp_path / "out")), every, 2)
    assert total.products == 180 and len(contents(tmp_path / "out")) == 3


@pytest.mark.parametrize("workers", [1, 2])
def test_a_place_that_cannot_be_written_costs_its_shard(workers, text_package, given, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/b").write_text("a file, where a folder must be")
    with pytest.raises(AisleError, match=r"1 of 3 shards.*b/c\.parquet"):
        run(text_package, f"{given}/**/*.parquet", str(tmp_path / "out"), "--workers", str(workers))
    assert {"a.parquet", "d.parquet"} < {*contents(tmp_path / "out")}


@pytest.mark.parametrize("output", ["", "b", "predicted/of/these"])
def test_predictions_where_the_shards_are_looked_for_are_refused(output, text_package, given, tmp_path):
    """Else the next run takes them for shards; and who removes what is in the way removes the products."""
    before = contents(given)
    with pytest.raises(AisleError, match="--output must be a folder that --input does not name"):
        run(text_package, f"{given}/**/*.parquet", str(given / output))
    assert contents(given) == before
    run(text_package, f"{given}/*.parquet", str(given / "predicted"))  # not named by the pattern
    run(text_package, f"{given}/*.parquet", str(given / "predicted"))


def test_a_folder_in_the_place_of_predictions_is_told(text_package, given, tmp_path):
    (tmp_path / "out/a.parquet").mkdir(parents=True)
    with pytest.raises(AisleError, match=r"--output must be empty.*out/a\.parquet"):
        run(text_package, f"{given}/*.parquet", str(tmp_path / "out"))


def test_a_bracket_in_a_name_is_told_how_to_write(text_package, given, tmp_path):
    named = given.rename(tmp_path / "given [1]")
    with pytest.raises(AisleError, match="part of a name") as told:
        run(text_package, f"{named}/*.parquet", str(tmp_path / "out"))
    literal = str(told.value).rpartition("must be ")[2]
    run(text_package, literal, str(tmp_path / "out"))
    assert [*contents(tmp_path / "out")] == ["a.parquet", "d.parquet"]


def test_a_cut_shard_is_told_before_anything_is_predicted(text_package, given, tmp_path):
    (given / "a.parquet").write_bytes((given / "a.parquet").read_bytes()[:-5])
    with pytest.raises(AisleError, match=r"a\.parquet must be a whole Parquet file"):
        run(text_package, f"{given}/*.parquet", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_predictions_of_something_else_are_not_mixed(text_package, given, products, tmp_path):
    out = str(tmp_path / "out")
    run(text_package, f"{given}/*.parquet", out, "--workers", "1")
    with pytest.raises(AisleError, match=r"others made .*a\.parquet"):
        run(text_package, f"{given}/*.parquet", out, "--columns", "title=description", "--workers", "1")
    products.iloc[1:101].to_parquet(given / "a.parquet", index=False)
    with pytest.raises(AisleError, match=r"others made .*a\.parquet"):
        run(text_package, f"{given}/*.parquet", out, "--workers", "1")
    with pytest.raises(
        AisleError, match="must be a folder that --input does not name"
    ):  # nor are the products written over
        run(text_package, f"{given}/*.parquet", str(given), "--workers", "1")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{}/none*.parquet", "none that fits"),
        ("{}/*", "must be Parquet files"),
        ("nowhere://x/*.parquet", "must be an address that fsspec knows"),
    ],
)
def test_what_is_no_shard_is_told(pattern, message, text_package, given, tmp_path):
    (given / "notes.txt").write_text("x")
    with pytest.raises(AisleError, match=message):
        run(text_package, pattern.format(given), str(tmp_path / "out"))


def test_addresses_in_memory(small, text_package, given, tmp_path):
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.put(str(given) + "/", "/shop/given/", recursive=True)
    try:
        run(text_package, "memory://shop/given/**/*.parquet", "memory://shop/out")
        run(text_package, f"{given}/**/*.parquet", str(tmp_path / "out"), "--workers", "1")
        expected = contents(tmp_path / "out")
        assert {place: memory.cat(f"/shop/out/{place}") for place in expected} == expected
        assert len(memory.find("/shop/out")) == 3  # and nothing beside
    finally:
        memory.rm("/shop", recursive=True)


@pytest.fixture
def s3(monkeypatch):
    """Return the address of a bucket of a local server."""
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=0)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    for name, value in {
        "ACCESS_KEY_ID": "a",
        "SECRET_ACCESS_KEY": "b",
        "DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    monkeypatch.setenv("FSSPEC_S3_ENDPOINT_URL", address)
    yield "s3://shop"
    server.stop()


def test_an_object_store(s3, text_package, given, tmp_path):
    """By two processes, the second time only what is missing; the same bytes as from files."""
    import s3fs

    store = s3fs.S3FileSystem(endpoint_url=os.environ["AWS_ENDPOINT_URL"], skip_instance_cache=True)
    store.mkdir("shop")
    for place in contents(given):
        store.put_file(str(given / place), f"shop/given/{place}")
    run(text_package, f"{s3}/given/**/*.parquet", f"{s3}/out", "--workers", "2")
    run(text_package, f"{given}/**/*.parquet", str(tmp_path / "out"), "--workers", "1")
    expected = contents(tmp_path / "out")
    assert sorted(store.find("shop/out")) == [f"shop/out/{place}" for place in expected]
    store.rm_file("shop/out/a.parquet")
    store.invalidate_cache()
    run(text_package, f"{s3}/given/**/*.parquet", f"{s3}/out", "--workers", "1")
    assert {place: store.cat_file(f"shop/out/{place}") for place in expected} == expected


def predicted_of(package: str, folder: str, n: int) -> int:
    """Predict one shard of n products here."""
    run(Path(package), f"{folder}/{n}*.parquet", f"{folder}/out-{n}", "--workers", "1")
    return pq.ParquetFile(f"{folder}/out-{n}/{n}.parquet").metadata.num_rows


def test_memory_does_not_grow_with_the_products(text_package, products, tmp_path):
    """Of ten times the products, in one row group of 140 MB, take at most 50 MB more."""
    wide = products.assign(note="x" * 8000)
    peaks = []
    for n in (1800, 18_000):
        pd.concat([wide] * (n // 180)).to_parquet(tmp_path / f"{n}.parquet", index=False, row_group_size=n)
        run = measured(predicted_of, str(text_package), str(tmp_path), n)
        assert run.result == n
        peaks.append(run.peak_mb)
    assert peaks[1] < peaks[0] + 50, peaks


def test_results_say_of_what_they_were_made(text_package, given, tmp_path):
    (shard,) = shards.find(f"{given}/a.parquet*")
    results = Results(str(tmp_path), {"package": "x"})
    assert results.missing([shard]) == [shard] and shard.rows == 100
    assert np.array_equal([*results.metadata(shard)], [shards.FOOTER])
