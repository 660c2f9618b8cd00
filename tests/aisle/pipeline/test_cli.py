"""pipeline/cli.py: flags, and the one line that a person reads when something is wrong."""

import subprocess
import sys

import pytest

from aisle.pipeline import cli
from aisle.pipeline.errors import AisleError, some


def test_every_path_is_a_required_flag(capsys):
    parser = cli.parser("What it does.", text_statistics="words", output="result")
    args = parser.parse_args(["--text-statistics", "a", "--output", "b"])
    assert (args.text_statistics, args.output, args.params) == ("a", "b", "params.yaml")
    with pytest.raises(SystemExit) as stop:
        parser.parse_args(["--output", "b"])
    assert stop.value.code == 2
    assert "--text-statistics" in capsys.readouterr().err


@pytest.mark.parametrize("message", ["catalogue.table must be there", "two\n  lines of\nanother library"])
def test_a_clear_error_is_one_line_and_status_2(capsys, message):
    def main():
        raise AisleError(message)

    with pytest.raises(SystemExit) as stop:
        cli.run(main)
    written = capsys.readouterr()
    assert stop.value.code == 2
    assert written.out == ""
    assert len(written.err.splitlines()) == 1, written.err
    assert written.err.startswith("error: ") and all(word in written.err for word in message.split())


def test_other_exceptions_are_not_hidden():
    with pytest.raises(ZeroDivisionError):
        cli.run(lambda: 1 / 0)


def test_some_lists_a_few_and_counts_the_rest():
    assert some(["a", "b"]) == "a, b"
    assert some(range(8), 3) == "0, 1, 2 and 5 more"
    assert some([]) == ""


CHATTER = "import os\nfrom aisle.pipeline import cli\ndef main():\n    os.system('echo chatter >&2')\n"


@pytest.mark.parametrize(
    ("end", "call", "heard"),
    [
        ("", "cli.run(main)", False),
        ("    1 / 0\n", "cli.run(main)", True),  # it may say why
        ("", "cli.run(main, children=True)", True),
    ],
)
def test_chatter_is_kept_back_but_not_where_something_is_wrong_or_children_speak(end, call, heard):
    done = subprocess.run([sys.executable, "-c", f"{CHATTER}{end}{call}"], capture_output=True, text=True)
    assert ("chatter" in done.stderr) == heard
    assert ("ZeroDivisionError" in done.stderr) == bool(end) == bool(done.returncode)
