"""explanation/word_shap.py: SHAP values add up, words that decide come first, examples are a fixed choice."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from aisle.explanation.word_shap import LinearWords, category_words, example_words, examples, mean_values
from aisle.pipeline.errors import AisleError
from aisle.representations.encoders.text.tfidf import Tfidf

rng = np.random.default_rng(0)
OWN = {"Clocks": ["dial", "quartz"], "Lamps": ["bulb", "shade"], "Mugs": ["coffee", "cup"]}
CATEGORY = np.array([name for name in OWN for _ in range(12)])
TEXTS = np.array(
    [" ".join([rng.choice(OWN[name]), *rng.choice(["red", "blue", "new", "big"], 2)]) for name in CATEGORY],
    dtype=object,
)
IDS = [f"p{i:02d}" for i in range(len(TEXTS))]


def fitted(kept=None):
    kept = np.ones(len(TEXTS), bool) if kept is None else kept
    pipeline = make_pipeline(
        Tfidf(max_features=None, min_df=1, ngram_range=(1, 1)), LogisticRegression(C=10.0)
    )
    return pipeline.fit(TEXTS[kept], CATEGORY[kept])


@pytest.fixture(scope="module")
def explained():
    return LinearWords(fitted(), TEXTS)


def test_the_values_of_a_text_add_up_to_its_score(explained):
    scores = fitted().decision_function(TEXTS)
    total = explained.values(np.arange(len(TEXTS))).sum(axis=1) + explained.expected
    np.testing.assert_allclose(total, scores, atol=1e-9)
    np.testing.assert_allclose(explained.expected, scores.mean(axis=0), atol=1e-9)


def test_a_value_is_weight_times_the_distance_from_the_mean(explained):
    pipeline = fitted()
    X = pipeline[0].transform(TEXTS).toarray()
    by_hand = (X[5] - X.mean(axis=0))[:, None] * pipeline[1].coef_.T
    np.testing.assert_allclose(explained.values(np.array([5]))[0], by_hand, atol=1e-12)


def test_means_are_those_of_the_values_of_all_texts(explained):
    values = explained.values(np.arange(len(TEXTS)))
    there = explained.matrix.toarray() != 0
    for number, (name, table) in enumerate(mean_values(explained, CATEGORY)):
        of_category = values[..., number]
        assert name == sorted(OWN)[number] and list(table["word"]) == list(explained.words)
        np.testing.assert_allclose(table["mean_shap"], of_category[name == CATEGORY].mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(table["mean_abs_shap"], np.abs(of_category).mean(axis=0), atol=1e-12)
        present = np.where(there, of_category, 0).sum(axis=0) / there.sum(axis=0)
        np.testing.assert_allclose(table["mean_shap_present"], present, atol=1e-12)
        assert list(table["texts"]) == list(there.sum(axis=0))


def test_two_categories_have_opposite_values():
    kept = CATEGORY != "Mugs"
    pipeline = fitted(kept)
    two = LinearWords(pipeline, TEXTS[kept])
    values = two.values(np.arange(kept.sum()))
    np.testing.assert_allclose(values[..., 0], -values[..., 1], atol=1e-12)
    scores = values.sum(axis=1) + two.expected
    np.testing.assert_allclose(
        scores[:, 1] - scores[:, 0], pipeline.decision_function(TEXTS[kept]), atol=1e-9
    )


def test_the_words_of_a_category_are_its_own(explained):
    table = category_words(explained, CATEGORY, 2)
    assert {name: set(part["word"]) for name, part in table.groupby("category")} == {
        name: set(words) for name, words in OWN.items()
    }
    assert list(table["rank"]) == [1, 2] * 3 and (table["mean_shap_present"] > 0).all()
    for _, part in table.groupby("category"):
        assert part["mean_shap"].is_monotonic_decreasing


def test_the_means_are_over_all_texts_and_over_those_with_the_word(explained):
    row = category_words(explained, CATEGORY, 1).iloc[0]
    word = list(explained.words).index(row["word"])
    values = explained.values(np.arange(len(TEXTS)))[:, word, explained.classes.index(row["category"])]
    has = np.array([row["word"] in text.split() for text in TEXTS])
    assert row["texts"] == has.sum()
    assert row["mean_abs_shap"] == pytest.approx(np.abs(values).mean())
    assert row["mean_shap_present"] == pytest.approx(values[has].mean())
    assert row["mean_shap"] == pytest.approx(values[row["category"] == CATEGORY].mean())


def predicted(wrong=(), unavailable=()):
    """Return one row per product; the confidence falls with its number."""
    names = list(OWN)
    table = pd.DataFrame({"product_id": IDS, "category": CATEGORY, "available": True})
    table.loc[list(unavailable), "available"] = False
    best = np.array([names.index(name) for name in CATEGORY])
    best[list(wrong)] = (best[list(wrong)] + 1) % 3
    top = 0.95 - np.arange(len(IDS)) / 100
    for i, name in enumerate(names):
        table[f"p_{name}"] = np.where(best == i, top, (1 - top) / 2)
    return table


def test_examples_are_the_most_confident_of_each_category_right_and_wrong():
    table = predicted(wrong=[2, 3, 14, 20], unavailable=[0])
    chosen = examples(table, 3)
    assert list(chosen["product_id"]) == ["p01", "p12", "p24", "p02", "p14", "p03"]
    assert list(chosen["right"]) == [True] * 3 + [False] * 3
    assert chosen.loc[3, ["category", "predicted"]].tolist() == ["Clocks", "Lamps"]
    assert chosen.loc[3, "probability"] == pytest.approx(0.93)
    pd.testing.assert_frame_equal(chosen, examples(table.sample(frac=1, random_state=0), 3))


def test_none_wrong_is_no_example_of_it():
    assert list(examples(predicted(), 2)["right"]) == [True, True]
    assert examples(predicted(), 0).empty


def test_an_example_lists_its_own_words_for_both_categories(explained):
    chosen = examples(predicted(wrong=[14]), 1)
    table = example_words(explained, IDS, chosen, 2)
    wrong = table[~table["right"].astype(bool)]
    assert set(wrong["product_id"]) == {"p14"} and list(wrong["rank"]) == [1, 2]
    assert set(wrong["word"]) <= set(TEXTS[14].split())
    word = list(explained.words).index(wrong.iloc[0]["word"])
    values = explained.values(np.array([14]))[0, word]
    assert wrong.iloc[0]["shap_predicted"] == pytest.approx(values[explained.classes.index("Mugs")])
    assert wrong.iloc[0]["shap_true"] == pytest.approx(values[explained.classes.index("Lamps")])
    assert example_words(explained, IDS, chosen[:0], 2).empty


def test_another_pipeline_is_refused_in_words():
    with pytest.raises(AisleError, match="text_linear"):
        LinearWords(make_pipeline(FunctionTransformer()), TEXTS)
    with pytest.raises(AisleError, match="None"):
        LinearWords(None, TEXTS)
