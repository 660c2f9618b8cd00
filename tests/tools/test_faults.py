"""tools/faults.py: what differs after a kill is seen, and what a full disk costs is counted."""

import shutil
import subprocess
from pathlib import Path

import pytest

from aisle.pipeline.dvc_file import Stage
from aisle.pipeline.errors import AisleError
from tools import faults

PIPELINE = """\
stages:
  one:
    cmd: sleep 0.5 && echo one > data/one.txt
    outs: [data/one.txt]
  two:
    cmd: sleep 0.5 && {command} > data/two.txt
    deps: [data/one.txt]
    outs: [data/two.txt]
"""


@pytest.mark.parametrize(("command", "differences"), [("cat data/one.txt", 0), ("date +%N", 2)])
def test_what_differs_after_a_kill_is_counted(tmp_path, monkeypatch, command, differences):
    def small(root):
        for name in (".dvc/config", ".dvc/.gitignore", ".dvcignore"):
            (root / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(faults.ROOT / name, root / name)
        (root / "data").mkdir()
        (root / "dvc.yaml").write_text(PIPELINE.replace("{command}", command))
        subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)

    monkeypatch.setattr(faults, "small_pipeline", small)
    found = faults.kills(tmp_path, 2, 0)
    assert found == {"kills": 2, "kill_differences": differences}


def test_the_small_pipeline_has_all_that_its_stages_read(tmp_path):
    faults.small_pipeline(tmp_path)
    stages = faults.dvc_file.read(tmp_path).values()
    made = [tmp_path / path for stage in stages for path in stage.outputs]
    for path in {tmp_path / path for stage in stages for path in stage.deps}:
        assert path.exists() or any(path == each or each in path.parents for each in made), path


WHOLE = "import sys; open(sys.argv[1], 'w').write('x' * 9000)"
CAREFUL = """
import sys
from aisle.pipeline import atomic, cli
cli.run(lambda: atomic.write_text(sys.argv[1], "x" * 9000))
"""


def test_a_small_output_may_have_been_made_and_must_be_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(faults, "ROOT", tmp_path / "root")
    (tmp_path / "root").mkdir()
    (tmp_path / "root/a.csv").write_bytes(b"whole")
    for content, expected in ((b"old", True), (b"whole", True), (b"who", False), (b"", False)):
        (tmp_path / "a.csv").write_bytes(content)
        assert faults.is_whole(tmp_path / "a.csv", tmp_path, b"old") == expected
    (tmp_path / "a.csv").unlink()
    assert not faults.is_whole(tmp_path / "a.csv", tmp_path, b"old")


@pytest.mark.parametrize(("code", "found"), [(WHOLE, [1, 1, 1]), (CAREFUL, [1, 0, 0])])
def test_a_full_disk_is_one_and_what_it_costs_is_counted(monkeypatch, code, found):
    def point(stage, folder):
        path = folder / "out.csv"
        path.write_bytes(faults.OLD)
        return [faults.sys.executable, "-c", code, str(path)], {path: faults.OLD}

    monkeypatch.setattr(faults, "POINTS", ("write",))
    monkeypatch.setattr(faults.dvc_file, "read", lambda _: {"write": Stage("write")})
    monkeypatch.setattr(faults, "stage_point", point)
    monkeypatch.setattr(faults, "predict_point", lambda folder: point(None, folder))
    assert list(faults.full_disk().values()) == [2 * each for each in found]
    monkeypatch.setattr(faults, "LIMIT", 1 << 30)
    with pytest.raises(AisleError, match="write must fail where no file may have more"):
        faults.full_disk()


def test_the_points_are_stages_of_the_pipeline_and_write_elsewhere(tmp_path):
    stages = faults.dvc_file.read(faults.ROOT)
    for name in faults.POINTS:
        command, old = faults.stage_point(stages[name], tmp_path / name)
        assert old or name == "fuse"
        moved = {str(tmp_path / name / path) for path in stages[name].outputs}
        assert moved <= {*command} and not {*stages[name].outputs} & {*command}
        assert all(Path(path).read_bytes() == faults.OLD for path in old)
