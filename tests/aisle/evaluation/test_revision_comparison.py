"""evaluation/revision_comparison.py: the paired test of two revisions, on tables with planted differences."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from aisle.evaluation import paired, revision_comparison
from aisle.evaluation.revision_comparison import BETTER, SAME, WORSE, paired_test, read_table
from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError


def table(outcomes, group=None, role="champion"):
    """Return a table of products 0, 1, ..., each in a group of its own unless `group` says otherwise."""
    n = len(outcomes)
    return pd.DataFrame(
        {"group": [str(i) for i in (range(n) if group is None else group)], role: outcomes},
        index=pd.Index([f"{i:08x}" for i in range(n)], name="digest"),
    )


def flips(n, gained, lost):
    """Return tables of n products with one run each, of which some are gained and some lost."""
    before = ["0"] * gained + ["1"] * (n - gained)
    after = ["1"] * gained + ["0"] * lost + ["1"] * (n - gained - lost)
    return table(before), table(after)


@pytest.mark.parametrize(
    ("gained", "lost", "verdict"),
    [(20, 2, BETTER), (2, 20, WORSE), (6, 5, SAME), (5, 0, SAME), (6, 0, BETTER), (0, 0, SAME)],
)
def test_verdicts(gained, lost, verdict):
    """5 of 5 flips the same way happen with p = 1/16 by chance, 6 of 6 with 1/32."""
    found = paired_test(*flips(100, gained, lost), "champion")
    assert found.verdict == verdict
    assert found.difference == pytest.approx((gained - lost) / 100)
    assert found.low <= found.difference <= found.high
    assert (found.products, found.groups) == (100, 100)


@pytest.mark.parametrize(("gained", "lost"), [(6, 5), (5, 0), (9, 2), (1, 0), (0, 0)])
def test_p_is_that_of_the_exact_sign_test(gained, lost):
    """With one product a group and one run the sign-flip test is McNemar's exact one."""
    expected = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    assert paired_test(*flips(60, gained, lost), "champion").p == pytest.approx(expected)


def test_the_interval_is_as_wide_as_the_standard_error_says():
    found = paired_test(*flips(1000, 60, 30), "champion")
    difference = np.r_[np.ones(60), -np.ones(30), np.zeros(910)]
    half = 1.96 * difference.std() / math.sqrt(1000)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.05)


def test_near_duplicates_are_one_observation():
    """Eight gained products are beyond noise if each is for itself, and not if they are alike."""
    before, after = flips(40, 8, 0)
    assert paired_test(before, after, "champion").verdict == BETTER
    alike = [0] * 8 + list(range(1, 33))
    before, after = table(before["champion"].tolist(), alike), table(after["champion"].tolist(), alike)
    found = paired_test(before, after, "champion")
    assert (found.verdict, found.p, found.groups) == (SAME, 1.0, 33)


def test_groups_of_either_revision_count():
    """Two revisions may number groups anew and find other near-duplicates: what either joins stays joined."""
    before, after = pd.Series(["5", "5", "1", "2", "3"]), pd.Series(["0", "9", "9", "1", "2"])
    found = revision_comparison.common_groups(before, after)
    assert found[0] == found[1] == found[2] and len({*found}) == 3


def test_a_product_counts_with_the_mean_of_its_runs():
    before, after = table(["110", "000", "111"]), table(["1", "0", "1"])
    found = paired_test(before, after, "champion")
    assert found.before == pytest.approx(5 / 9) and found.after == pytest.approx(6 / 9)
    assert found.difference == pytest.approx(1 / 9)


def test_only_products_of_both_revisions_are_compared():
    before, after = flips(50, 10, 0)
    found = paired_test(before.iloc[3:], after.iloc[:45].sample(frac=1, random_state=0), "champion")
    assert (found.products, found.before_alone, found.after_alone) == (42, 5, 3)
    assert found.difference == pytest.approx(7 / 42)


def test_the_same_inputs_give_the_same_result():
    rng = np.random.default_rng(0)
    sides = [table(["".join(rng.choice(["0", "1"], 3)) for _ in range(200)]) for _ in range(2)]
    first = paired_test(*sides, "champion")
    assert first == paired_test(sides[0].sample(frac=1, random_state=1), sides[1], "champion")


def test_noise_alone_is_seldom_beyond_it():
    """Both revisions have the same accuracy: at most about 5 of 100 verdicts are wrong."""
    rng = np.random.default_rng(1)
    wrong = 0
    for _ in range(100):
        sides = [table(list(np.where(rng.random(60) < 0.8, "1", "0"))) for _ in range(2)]
        wrong += paired_test(*sides, "champion").verdict != SAME
    assert wrong <= 9  # P(more) is 3 % at exactly 5 %


def test_the_table_of_the_pipeline_is_read(tmp_path):
    """Digests and outcomes look like figures: 011 is no 11."""
    ids = [f"product {i}" for i in range(6)]
    outcomes = pd.DataFrame({"model": "both", "product_id": ids, "outcomes": ["011", "111", "000"] * 2})
    made = paired.paired_table(
        outcomes, pd.Series(range(6), ids), dict.fromkeys(revision_comparison.ROLES, "both")
    )
    made.loc[0, "digest"] = "1234e567"
    tables.write_csv(made, tmp_path / "paired.csv", "tiny")
    found = read_table((tmp_path / "paired.csv").read_text(), "paired.csv")
    assert "1234e567" in found.index
    for role in revision_comparison.ROLES:
        assert paired_test(found, found, role).before == pytest.approx(5 / 9)


GOOD = "digest,group,champion\n00,0,101\n01,1,111\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            GOOD.replace(",111", ",11"),
            "as many runs of the champion for each product; it has 2, 3 characters",
        ),
        (GOOD.replace("101", "1x1"), "must have 0 or 1 for each run of the champion; it has 00: '1x1'"),
        (GOOD.replace("101", ""), "it has 00: ''"),
        (GOOD.replace("champion", "best"), "must have a column champion; it has none"),
        (GOOD.replace("group", "cluster"), "must have the columns digest and group; it lacks group"),
        (GOOD.replace("01,1", "00,1"), "must have one row per product; it has several for 00"),
        ("", "must be a CSV table, but"),
        (GOOD.replace("00,", "a0,").replace("01,", "a1,"), "they have none"),
        (GOOD.replace("01,1", "01,0"), "products of several groups in common; they have of one"),
    ],
)
def test_a_table_that_cannot_be_compared_says_why(text, message):
    with pytest.raises(AisleError, match=message):
        good = GOOD.replace("01,1", "01,0") if "several groups" in message else GOOD
        paired_test(read_table(good, "before"), read_table(text, "after"), "champion")
