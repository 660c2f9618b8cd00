"""tools/bench_reader.py: what a reader does with a table is judged, and the result has the shares of both."""

import json
import random

from aisle.pipeline.errors import AisleError
from tools import bench_reader


def test_a_reader_is_right_or_tells_or_is_wrong_without_a_word(tmp_path):
    rows = [["1", "lamp"]]

    def refuse(_):
        raise AisleError("no table")

    assert bench_reader.judge(lambda _: (rows, False), tmp_path, rows) == "right"
    assert bench_reader.judge(lambda _: ([], True), tmp_path, rows) == "told"
    assert bench_reader.judge(lambda _: ([], False), tmp_path, rows) == "silent"
    assert bench_reader.judge(refuse, tmp_path, rows) == "told"


def test_both_readers_are_asked_and_the_shares_add_up(tmp_path, monkeypatch, capsys):
    result = tmp_path / "reader.json"
    monkeypatch.setattr("sys.argv", ["bench", "--tables", "1", "--rows", "50", "--json", str(result)])
    bench_reader.main()
    found = json.loads(result.read_text())
    assert found["rows"] == 50 and found["tables"] == len(bench_reader.kinds(random.Random(0)))
    for name in ("aisle", "duckdb"):
        shares = [found[f"{name}_{outcome}"] for outcome in ("right", "told", "silent")]
        assert abs(sum(shares) - 1) < 1e-3 and found[f"{name}_seconds"] >= 0
    assert found["aisle_right"] == 1 > found["duckdb_right"]
    assert "aisle: inch marks" in capsys.readouterr().out
