"""tools/cards.py: the generated part of the cards is what the metrics say; the written part is people's."""

import copy
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aisle.pipeline.errors import AisleError
from tools import cards

REPO = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def found():
    return cards.read(REPO)


@pytest.fixture
def folder(tmp_path):
    """Return a copy of what the tool reads, with the repository's cards in its docs/."""
    shutil.copytree(REPO / "metrics", tmp_path / "metrics")
    shutil.copyfile(REPO / "params.yaml", tmp_path / "params.yaml")
    (tmp_path / "docs").mkdir()
    for name in cards.CARDS:
        shutil.copyfile(REPO / f"docs/{name}.md", tmp_path / f"docs/{name}.md")
    return tmp_path


def run(folder, *flags):
    command = [
        sys.executable,
        REPO / "tools/cards.py",
        "--folder",
        folder,
        "--output",
        folder / "docs",
        *flags,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_committed_cards_say_what_the_metrics_say(folder):
    catalogue = json.loads((REPO / "metrics/ingest.json").read_text())["catalogue"]
    if catalogue != "sample (synthetic)":
        pytest.skip(f"metrics/ are those of {catalogue}; the committed cards are the built-in catalogue's")
    done = run(folder, "--check")
    assert done.returncode == 0, done.stderr


def test_another_figure_makes_the_card_outdated_and_is_written(folder):
    path = folder / "metrics/ingest.json"
    metrics = json.loads(path.read_text()) | {"without_brand": 123}
    path.write_text(json.dumps(metrics))
    done = run(folder, "--check")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "docs/data_card.md must say what metrics/ say" in done.stderr
    before = (folder / "docs/data_card.md").read_text()
    assert run(folder).returncode == 0
    after = (folder / "docs/data_card.md").read_text()
    assert "123 (58.6%)" in after and "123 (58.6%)" not in before
    for text in (before.split(cards.BEGIN)[0], before.split(cards.END)[1]):
        assert text and text in after  # what people wrote
    assert run(folder, "--check").returncode == 0


def test_a_card_that_is_not_there_is_made_of_its_generated_part(folder):
    shutil.rmtree(folder / "docs")
    assert run(folder, "--check").returncode == 2
    assert run(folder).returncode == 0
    text = (folder / "docs/model_card.md").read_text()
    assert text.startswith("# sample (synthetic): model card\n") and text.rstrip().endswith(cards.END)
    assert "> Made with the built-in synthetic catalogue" in text


def test_a_card_without_its_markers_is_an_error(tmp_path):
    (tmp_path / "data_card.md").write_text(f"# mine\n{cards.END}\n{cards.BEGIN}\n")
    with pytest.raises(AisleError, match="must have the lines"):
        cards.fill(tmp_path / "data_card.md", "Data card", "part")


def test_metrics_that_are_not_there_are_named(tmp_path):
    with pytest.raises(AisleError, match=r"ingest.json must be there"):
        cards.read(tmp_path)


def test_figures_of_the_model_card(found):
    """Each is the one that the metrics have."""
    name = found["champion"]["champion"]
    scores = found["models"][name]
    text = cards.model_card(found)
    low, high = scores["cv_accuracy_low"], scores["cv_accuracy_high"]
    assert f"{scores['cv_accuracy']:.3f} [{low:.3f}, {high:.3f}]" in text
    classes = found["review/per_class"].query("role == 'champion' and protocol == 'cv'")
    assert f"\n| {classes.sort_values('f1')['category'].iloc[0]} " in text.split("The hardest categories:")[1]
    for weights in found["package"]["pretrained"].values():
        assert weights["licence"] in text


def test_no_product_is_decided_automatically_where_there_is_no_threshold(found):
    other = copy.deepcopy(found)
    decisions = other["review/decisions"]
    other["review/decisions"] = decisions.assign(threshold=float("inf"), accepted=0)
    assert "No threshold: " in cards.model_card(other)
    promised = {"accepted": 400, "guaranteed_bound": 0.0075, "threshold": 0.9, "accepted_wrong": 0}
    promised |= {"threshold_out_of_fold": 0.9}
    other["review/decisions"] = decisions.assign(**promised)
    assert "at most 0.75% of the automatic decisions are wrong" in cards.model_card(other)
    other["review/decisions"] = decisions[decisions["role"] != "champion"]
    assert "None: every product goes to a person." in cards.model_card(other)


def test_what_is_promised_of_fewer_fields(found):
    assert "Of products that lack a field nothing is promised" in cards.model_card(found)
    other = copy.deepcopy(found)
    sure = {"threshold": 0.91, "guaranteed_coverage": 0.5, "guaranteed_bound": 0.0081, "calibrated_on": 1200}
    none = {"threshold": None, "guaranteed_coverage": 0.0, "guaranteed_bound": None, "calibrated_on": 800}
    other["package"]["decision"]["by_fields"] = {"title": none, "title + image": sure}
    lines = [line for line in cards.model_card(other).splitlines() if line.startswith("| title")]
    assert [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines] == [
        ["title", "none: all to a person", "0.0%", "", "800"],
        ["title + image", "0.910", "50.0%", "0.81%", "1,200"],
    ]


def test_the_model_card_carries_the_live_figures(found):
    week = {
        "products": 1200,
        "alarms": 2,
        "expected_accuracy": 0.91,
        "reviewed": 40,
        "reviewed_accuracy": 0.9,
    }
    week |= {
        f"{key}_{end}": 0.9 for key in ("expected_accuracy", "reviewed_accuracy") for end in ("low", "high")
    }
    watched = {"batches": 2, "alarms": 2, "promise_assumed": False, "2026-03-02": week}
    watched |= {"2026-03-09": {"products": 7, "alarms": 0}}  # too few to tell, none looked at
    watched |= {"automatic_reviewed": 30, "automatic_wrong": 6, "broken": 1, "broken_on": "2026-03-08"}
    text = cards.model_card(found | {"monitoring": watched})
    lines = [line for line in text.splitlines() if line.startswith("| 2026-")]
    assert [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines] == [
        ["2026-03-02", "1,200", "2", "0.910 [0.900, 0.900]", "40", "0.900 [0.900, 0.900]"],
        ["2026-03-09", "7", "0", "", "0", ""],
    ]
    assert "6 were wrong. The promise is **broken**, since 2026-03-08.\n" in text
    nothing = {"catalogue": "sample (synthetic)", "batches": 0, "alarms": 0, "broken": 0}
    assert "No product has come since" in cards.model_card(found | {"monitoring": nothing})


def test_untrained_weights_and_the_baseline_itself_are_said(found):
    other = copy.deepcopy(found)
    name = other["champion"]["champion"]
    other["models"][name]["weights"] = "untrained"
    assert "Its weights are **untrained**." in cards.model_card(other)
    assert "untrained" not in cards.model_card(found).split("### Pretrained weights")[0]
    other["baseline"] = name
    assert "It is the baseline" in cards.model_card(other)


def test_a_catalogue_without_pictures_has_no_medians_of_them(found):
    other = copy.deepcopy(found)
    assert "| width (pixels) " in cards.data_card(found)
    other["images"] = {
        name: 0 for name in other["images"] if not name.startswith("median_") and name != "catalogue"
    }
    text = cards.data_card(other)
    assert "| readable " in text and "| width (pixels) " not in text


def test_a_bar_in_a_category_does_not_break_a_table():
    assert "a\\|b c" in cards.table(["x"], [["a|b\nc"]])
