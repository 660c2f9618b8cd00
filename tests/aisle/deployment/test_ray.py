"""deployment/ray_engine.py: Ray predicts the bytes that processes predict, and no one else imports it."""

import os
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from aisle import predict
from aisle.deployment import manifest, ray_engine, shard_pool, shards
from aisle.deployment.batch import Job
from aisle.pipeline import ray_session
from aisle.pipeline.errors import AisleError

needs_ray = pytest.mark.skipif(
    find_spec("ray") is None or not os.environ.get("AISLE_TEST_RAY"),
    reason="Ray must be installed (group `ray`) and wanted (AISLE_TEST_RAY=1): it takes an idle "
    "machine half a minute to start, and gives up on a busy one",
)


@pytest.fixture
def given(text_workspace, tmp_path) -> Path:
    """Return a folder of four shards, one of them in a folder of its own and one of two batches."""
    table = pd.read_csv(text_workspace.root / "products.csv", dtype=str, keep_default_na=False)
    folder = tmp_path / "given"
    (folder / "b").mkdir(parents=True)
    pd.concat([table] * 10).to_parquet(folder / "a.parquet", index=False)
    for place, rows in {"b/c": slice(0, 40), "d": slice(40, 60), "e": slice(0)}.items():
        table.iloc[rows].to_parquet(folder / f"{place}.parquet", index=False)
    return folder


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Start Ray here once, with two processes: it takes longer than what is tried on it.

    Jupyter's packages bring `rfc3987_syntax`, which jsonschema imports where it is: 6 s in each of Ray's six
    processes. It is hidden from them, as it is absent where the groups `batch` and `ray` are all there is.
    """
    hidden = tmp_path_factory.mktemp("hidden")
    (hidden / "rfc3987_syntax.py").write_text("raise ImportError\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.setenv("PYTHONPATH", str(hidden), prepend=os.pathsep)
        patch.setitem(sys.modules, "rfc3987_syntax", None)
        with ray_engine.running(2) as ray:
            yield ray


def command(package: Path, given: Path, out: Path, *more: str) -> list[str]:
    pattern = f"{given}/**/*.parquet"
    program = [sys.executable, "-m", "aisle.predict", "--model", str(package)]
    return [*program, "--input", pattern, "--output", str(out), *more]


def run(package: Path, given: Path, out: Path | str, *more: str) -> None:
    arguments = ["--input", f"{given}/**/*.parquet", "--output", str(out), *more]
    predict.shards(package, predict.parser().parse_args(arguments))


def contents(folder: Path) -> dict[str, bytes]:
    files = sorted(each for each in folder.rglob("*.parquet") if each.is_file())
    return {each.relative_to(folder).as_posix(): each.read_bytes() for each in files}


def test_ray_is_imported_where_it_is_asked_for_alone(text_package, given, tmp_path):
    """Here and in each process: a package of that name, which tells when it is imported, stands before it."""
    mark, out = tmp_path / "imported", tmp_path / "out"
    (tmp_path / "first/ray").mkdir(parents=True)
    (tmp_path / "first/ray/__init__.py").write_text(
        f"open({str(mark)!r}, 'w').close()\nraise ImportError('it is not here')\n"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "first")}
    subprocess.run(command(text_package, given, out, "--workers", "2"), env=environment, check=True)
    assert len(contents(out)) == 4 and not mark.exists()
    asked = command(text_package, given, tmp_path / "other", "--engine", "ray")
    told = subprocess.run(asked, env=environment, capture_output=True, text=True)
    assert mark.exists() and told.returncode == 2 and not (tmp_path / "other").exists()
    assert told.stderr.splitlines()[-1].startswith(
        "error: --engine ray takes the packages of the group `ray`"
    )
    assert "pip install '.[batch,ray]'" in told.stderr and "Traceback" not in told.stderr


def test_memory_of_this_process_is_no_place_for_another(text_package, given):
    with pytest.raises(AisleError, match="files that other processes see"):
        run(text_package, given, "memory://out", "--engine", "ray")


@needs_ray
def test_an_address_where_nothing_answers_is_told_at_once(text_package, given, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = "{}:{}".format(*free.getsockname())
    told = subprocess.run(
        command(text_package, given, tmp_path / "out", "--engine", "ray"),
        env=os.environ | {"RAY_ADDRESS": address},
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert told.returncode == 2 and told.stderr.splitlines()[-1].startswith("error: RAY_ADDRESS must be")
    assert f"nothing answers at {address}" in told.stderr and "Traceback" not in told.stderr


@needs_ray
def test_what_is_started_here_is_for_this_machine_alone(cluster):
    (node,) = cluster.nodes()
    assert node["NodeManagerAddress"] == "127.0.0.1"
    assert cluster.get_runtime_context().gcs_address.startswith("127.0.0.1:")
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert node["Resources"]["object_store_memory"] == ray_session.STORE


@needs_ray
def test_the_same_bytes_as_processes(cluster, text_package, given, tmp_path, capfd):
    """From another working directory than Ray's, and of relative names."""
    run(text_package, given, tmp_path / "processes", "--workers", "2")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        run(Path(os.path.relpath(text_package)), given, Path("ray"), "--engine", "ray")
        assert contents(Path("ray")) == contents(tmp_path / "processes")
        (tmp_path / "ray/d.parquet").unlink()
        run(text_package, given, Path("ray"), "--engine", "ray")
    assert contents(tmp_path / "ray") == contents(tmp_path / "processes")
    err = capfd.readouterr().err
    assert "4 shards; 3 are predicted already" in err


AS_ON_LOOPBACK = """
import runpy, sys
from ray._private import ray_constants
ray_constants.ENABLE_RAY_CLUSTER = False  # the cluster of these tests is on loopback, as no other is
runpy.run_module("aisle.predict", run_name="__main__", alter_sys=True)
"""


@needs_ray
def test_a_process_of_its_own_joins_at_ray_address(cluster, text_package, given, tmp_path):
    """It says what the engine of processes says, and nothing of Ray's."""
    run(text_package, given, tmp_path / "processes", "--workers", "2")
    address = cluster.get_runtime_context().gcs_address
    _, _, _, *arguments = command(text_package, given, tmp_path / "out", "--engine", "ray")
    told = subprocess.run(
        [sys.executable, "-c", AS_ON_LOOPBACK, *arguments],
        timeout=100,
        env=os.environ | {"RAY_ADDRESS": address},
        capture_output=True,
        text=True,
        check=True,
    )
    assert contents(tmp_path / "out") == contents(tmp_path / "processes")
    first, last = told.stderr.splitlines()
    assert "4 shards" in first and "660 products predicted" in last and told.stdout == ""


@needs_ray
@pytest.mark.parametrize("times", [1, 9])
def test_a_worker_killed_half_way_costs_at_most_its_shard(
    times, cluster, text_package, given, tmp_path, monkeypatch
):
    """It is killed, once or each time, when the first of two batches of its shard is written."""
    run(text_package, given, tmp_path / "processes", "--workers", "2")
    counted, own = tmp_path / "deaths", ray_engine.on_worker
    counted.touch()

    def dying(job, shard):  # pickled whole, since it is local
        import os
        import signal

        def kill(_):
            if shard.place == "a.parquet" and counted.stat().st_size < times:
                counted.write_bytes(counted.read_bytes() + b"x")
                os.kill(os.getpid(), signal.SIGKILL)

        return own(job, shard, kill)

    monkeypatch.setattr(ray_engine, "on_worker", dying)
    out = tmp_path / "out"
    every = shards.find(f"{given}/**/*.parquet")
    key = {"package": manifest.identity(text_package), "columns": {}, "images": ""}
    job = Job(str(text_package), str(given), str(out), {}, key)
    if times == 1:
        assert ray_engine.predict_shards(job, every, 2).products == 660
        assert counted.read_bytes() == b"x" and contents(out) == contents(tmp_path / "processes")
        return
    with pytest.raises(AisleError, match=r"1 of 4 shards.*a\.parquet: its process died 2 times"):
        ray_engine.predict_shards(job, every, 2)
    assert counted.stat().st_size == shard_pool.TRIES
    assert [*contents(out)] == ["b/c.parquet", "d.parquet", "e.parquet"]


@needs_ray
def test_what_a_node_does_not_see_is_told(cluster, text_package, given, tmp_path, monkeypatch):
    every = shards.find(f"{given}/d*.parquet")
    absent = Job(str(tmp_path / "none"), str(given), str(tmp_path / "out"))
    with pytest.raises(AisleError, match="the package must be on storage that every node sees"):
        ray_engine.predict_shards(absent, every)
    other = Job(str(text_package), str(given), str(tmp_path / "out"), {}, {"package": "another"})
    with pytest.raises(AisleError, match="the package must be the same on every node"):
        ray_engine.predict_shards(other, every)
    pictures = Job(str(text_package), str(tmp_path / "none"), str(tmp_path / "out"), {}, {"images": "none"})
    with pytest.raises(AisleError, match="--images must be on storage that every node sees"):
        ray_engine.predict_shards(pictures, every)
    assert not contents(tmp_path / "out")

    def elsewhere(job, shard):  # writes where this process does not look
        return own(type(job)(job.package, job.images, f"{job.output}-of-the-node"), shard)

    own = ray_engine.on_worker
    monkeypatch.setattr(ray_engine, "on_worker", elsewhere)
    with pytest.raises(AisleError, match=r"is not in .*out as seen from here"):
        ray_engine.predict_shards(Job(str(text_package), str(given), str(tmp_path / "out")), every)


@needs_ray
def test_a_fault_of_the_program_is_told_by_name(cluster, text_package, given, tmp_path, monkeypatch):
    def broken(job, shard):
        raise FloatingPointError("whatever comes")

    monkeypatch.setattr(ray_engine, "on_worker", broken)
    every = shards.find(f"{given}/d*.parquet")
    with pytest.raises(AisleError, match=r"d\.parquet: FloatingPointError: whatever comes"):
        ray_engine.predict_shards(Job(str(text_package), str(given), str(tmp_path / "out")), every)
