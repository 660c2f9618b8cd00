"""tools/pull_request/ and the rendering of tools/pr_report.py, on made snapshots."""

import pytest

from tools import pr_report
from tools.pull_request import headline, markdown, stages
from tools.pull_request.snapshot import Snapshot, Stage, code_files, stale_params


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"params": {"seed": 2}}, [("s", "re-run, same result", "params `seed`")]),
        ({"params": {"seed": 1, "k": None}}, [("s", "re-run, same result", "params `+k`")]),
        ({"params": {}}, []),
        ({"deps": {"s.py": "b"}}, [("s", "re-run, same result", "script `s.py`")]),
        ({"cmd": "python s.py -q"}, [("s", "re-run, same result", "command")]),
        ({"cmd": "python s.py -q", "cmd_stale": True}, [("s", "definition changed", "command")]),
        ({"outs": {"o": "b"}}, [("s", "re-run, result changed", "-")]),
        ({"outs": {"o": "a", "p": None}}, [("s", "definition changed", "outputs `+p`")]),
        ({}, []),
    ],
)
def test_stage_rows(changes: dict, expected: list) -> None:
    was = {"cmd": "python s.py", "deps": {"s.py": "a"}, "outs": {"o": "a"}, "params": {"seed": 1}}
    assert stages.stage_rows({"s": Stage(**was)}, {"s": Stage(**{**was, **changes})}) == expected


def test_causes_are_told_apart() -> None:
    was = {"stages/s.py": "a", "aisle/t.py": "a", "data/x.parquet": "a", "predictions": "a"}
    command = "python -m stages.s --input data/x.parquet --folder predictions"
    assert stages.causes(*(Stage(command, deps=dict.fromkeys(was, hash_)) for hash_ in "ab")) == (
        "script `stages/s.py`; library `aisle/t.py`; data `data/x.parquet`, `predictions`"
    )


def test_items_to_which_the_same_happened_share_a_row():
    rows = [(f"embed@{name}", "re-run, same result", "command") for name in "abc"]
    rows += [("embed@d", "re-run, result changed", "command"), ("score", "added", "-")]
    assert stages.collapsed(rows) == [
        ["`embed@d`", "re-run, result changed", "command"],
        ["`score`", "added", "-"],
        ["`embed` (3)", "re-run, same result", "command"],
    ]


def test_a_long_table_says_what_is_left_out():
    rows = [[f"`m{i:03}`", "1"] for i in range(130)]
    text = markdown.table("metric, before", rows)
    assert text.count("| `m") == 100 and text.endswith("30 further rows left out.")
    assert "left out" not in markdown.table("metric, before", rows[:100])
    assert markdown.table("metric, before", []) == "" == markdown.folded("title", "")


def test_values_differ_on_the_page_when_they_differ():
    assert markdown.show_pair(0.94512, 0.94513) == ["0.94512", "0.94513"]
    assert markdown.show_pair(12345.6, 12345.7) == ["12345.60", "12345.70"]
    assert markdown.show_pair(1, 2) == ["1", "2"]
    assert [markdown.show(value, 3) for value in (12345.6, 0.12345, None, True)] == [
        "12346",
        "0.123",
        "-",
        "`True`",
    ]


def test_what_comes_from_data_is_shown_as_text():
    assert markdown.code("a|b `c`\n@d") == "`a\\|b 'c' @d`"
    assert markdown.html_code("<b>") == "<code>&lt;b&gt;</code>"


def test_a_long_report_fits_a_comment():
    metrics = {f"{'metric' * 9}.{i:04}_low": i / 7 for i in range(999)}
    params = {f"encoders.image.{'backbone' * 9}_{i:04}.batch_size": i for i in range(999)}
    made = {f"embed_{i:04}@{'backbone' * 9}": Stage(cmd="python x.py") for i in range(999)}
    new = Snapshot(made, {"metrics/models.json": metrics}, {"params.yaml": params})
    text = pr_report.render("a", "b", Snapshot(), new)
    assert "899 further rows left out." in text and len(text) < 65_536
    assert "1 part left out, too long for a comment." in text.splitlines()[-1]  # the drawing of the pipeline


def test_digests_of_code_are_held_against_the_files():
    import hashlib

    files = {"a.py": b"one", "b.py": b"two", "list": b""}
    lines = [f"{hashlib.sha256(files[name]).hexdigest()}  {name}" for name in ("a.py", "b.py")]
    files["list"] = "\n".join(lines).encode()
    recorded = hashlib.md5(files["list"]).hexdigest()
    hashes, edited = code_files("list", recorded, files.get)
    assert hashes == {name: hashlib.md5(files[name]).hexdigest() for name in ("a.py", "b.py")}
    assert edited == []
    files["a.py"] = b"three"
    hashes, edited = code_files("list", recorded, files.get)
    assert hashes["a.py"] is None and hashes["b.py"] and edited == ["`a.py`"]
    assert set(code_files("list", "another", files.get)[0].values()) == {None}


class Dep:
    """What is asked of DVC's dependency on params."""

    def __init__(self, params, recorded):
        self.params, self.def_path = params, "params.yaml"
        self.hash_info = type("Hash", (), {"value": recorded})


@pytest.mark.parametrize(
    ("content", "recorded", "expected"),
    [
        ({"a": {"b": 1}, "c": 2}, {"a.b": 1, "c": 2}, []),
        ({"a": {"b": 1}, "c": 3}, {"a.b": 1, "c": 2}, ["c"]),
        ({"a": 1, "c": 2}, {"a.b": 1, "c": 2}, ["a.b"]),  # deleted
        ({"a": {"b": 1}, "c": 2}, {"a.b": 1}, ["c"]),  # new
        ({"a": {"b": 1}}, {"a.b": 1}, ["c"]),  # neither here nor there: not what the stage declares
        (None, {"a.b": 1}, ["params.yaml"]),
        ({"a": {"b": 1}, "c": 2}, None, ["params.yaml"]),
    ],
)
def test_stale_params(content, recorded, expected):
    assert stale_params(Dep(["a.b", "c"], recorded), content) == expected


def test_a_whole_params_file_is_compared():
    assert stale_params(Dep([], {"a": 1, "b": 2}), {"a": 1, "c": 3}) == ["c", "b"]


def snapshot(champion="both", paired=None, **scores):
    made = {"catalogue": "shop", f"{champion}.cv_accuracy": 0.9, **scores}
    choice = {"champion": champion, "champion_megabytes": 10.04}
    metrics = {"metrics/models.json": made, "metrics/champion.json": choice}
    return Snapshot(metrics=metrics, paired=paired)


def test_the_champions_figures():
    interval = {"both.cv_accuracy_low": 0.88, "both.cv_accuracy_high": 0.92}
    old, new = snapshot(**interval), snapshot(**{**interval, "both.cv_accuracy": 0.985})
    new.metrics["metrics/champion.json"]["champion_megabytes"] = 12.0
    rows = {row[0]: row[1:] for row in headline.champion_rows(old, new)}
    assert rows["model"] == ["`both`", "`both`", "same"]
    assert rows["accuracy"] == [
        "90.0% [88.0, 92.0]", "98.5% [88.0, 92.0]", "+8.5 points, beyond noise",
    ]  # fmt: skip
    assert rows["macro F1"] == ["-", "-", ""]
    assert rows["package"] == ["10.0 MB", "12.0 MB", "+2.0 MB"]
    assert headline.champion_rows(Snapshot(), Snapshot()) == []


def test_another_catalogue_is_an_alert():
    new = snapshot()
    new.metrics["metrics/models.json"]["catalogue"] = "other"
    assert "> The catalogue is another: `shop` to `other`." in pr_report.render("a", "b", snapshot(), new)
    assert "The catalogue is" not in pr_report.render("a", "b", snapshot(), snapshot())


@pytest.mark.parametrize(
    ("old", "new", "title"),
    [
        (Snapshot(), snapshot(), "first results, the champion is `both`"),
        (snapshot(), Snapshot(), "the champion `both` is gone"),
        (Snapshot(), Snapshot(), "no champion, before or after"),
        (snapshot(), snapshot(), "`both` stays champion, not tested"),
        (snapshot(), snapshot("late"), "champion `both` to `late`, not tested"),
    ],
)
def test_the_title(old, new, title):
    text = pr_report.render("a", "b", old, new)
    assert text.startswith(f"## Aisle: {title}\n")
    assert ("No paired test can be made" in text) == ("not tested" in title)
