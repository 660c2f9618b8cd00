"""A cold run says how much there is to do, a line of result for each stage, and the answer; nothing else."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.pipeline.conftest import ran

pytestmark = pytest.mark.pipeline
ROOT = Path(__file__).parents[2]
DVC = re.compile(
    r"""Running\ stage\ '[^']+':
    |>\ python\ -m\ stages\.\w+\ .*
    |Stage\ '[^']+'\ is\ cached\ -\ skipping\ run,\ checking\ out\ outputs
    |(Generating|Updating)\ lock\ file\ 'dvc\.lock'
    |To\ track\ the\ changes\ with\ git,\ run:|\tgit\ add\ .*
    |To\ enable\ auto\ staging,\ run:|\tdvc\ config\ core\.autostage\ true
    |Use\ `dvc\ push`\ to\ send\ your\ updates\ to\ remote\ storage\.
    |""",
    re.VERBOSE,
)
BAR = re.compile(r"[^:]+: +\d+%\|.*")
"""Of tqdm; there is none where nobody looks."""
RESULT = re.compile(r"[a-z0-9][^\[\]{}]*")
CHATTER = re.compile(
    r"warn|deprecat|traceback|\binfo\b|\berror\b|tensorflow|keras|torch|onednn|cuda|absl|xla|openvino|alembic"
    r"|open_clip|opentsne|transformers|hugging|https?:|\.py\b|\d\d:\d\d:\d\d",
    re.IGNORECASE,
)
"""What libraries say of themselves."""


def not_ours(said: str) -> list[str]:
    """Return the lines that neither DVC nor a stage should say, and a stage's second line."""
    wrong, results = [], 0
    for line in said.splitlines():
        if DVC.fullmatch(line):
            results = 0 if line.startswith("Running stage") else results
        elif not BAR.fullmatch(line):
            results += 1
            if results > 1 or not RESULT.fullmatch(line) or CHATTER.search(line):
                wrong.append(line)
    return wrong


def test_a_cold_run_is_quiet_and_informed(cold):
    said = cold.said()
    first, *lines = said.splitlines()
    *lines, last = lines
    total = len(cold.stages())
    assert first.startswith(f"{total} of {total} stages will run: digest_code, ")
    assert re.fullmatch(r"reports/index\.html: (Feasible|Not feasible)[^:]*: .+\.", last)
    assert len(ran(said)) == total
    assert not_ours("\n".join(lines)) == []


@pytest.mark.parametrize(
    "line",
    [
        "I0000 00:00:1764398412.000000   12 cpu_feature_guard.cc:227] This TensorFlow binary is optimized",
        "2026-11-29 06:12:13.000000: E external/local_xla/xla/stream_executor/cuda/cuda.cc:51] failed",
        "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
        "[transformers] `loss_type=None` was set in the config but it is unrecognized.",
        "stages/compare_folds.py:48: FutureWarning: The behavior of DataFrame concatenation is deprecated.",
        "  tables.write_csv(pd.concat(parts), args.output, catalogue)",
        "No pretrained weights loaded for model 'ViT-S-32-alt'. Model initialized randomly.",
        "--> Time elapsed: 0.01 seconds",
    ],
)
def test_chatter_would_be_found(line):
    assert not_ours(f"Running stage 'fetch_weights@clip':\n{line}\n") == [line]
    assert not_ours("Running stage 'ingest':\n210 products, 3 rows refused, see data/rejects.csv\n") == []


def test_a_stage_has_one_line():
    said = "Running stage 'ingest':\n210 products\n3 rows refused\nUpdating lock file 'dvc.lock'\n"
    assert not_ours(said) == ["3 rows refused"]


def test_make_repro_is_that_run():
    done = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "repro"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "python tools/repro.py"
