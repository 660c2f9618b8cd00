"""The report's section on clusters: what it says of sets that are untrained or have no weights."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from aisle.report import page
from aisle.report.blocks import Details, FigureBlock, TableBlock
from aisle.report.results import Results
from aisle.report.sections import clusters

EMPTY = pd.DataFrame()
MISSING = dict.fromkeys(["ari", "ari_sd"]) | {"n": 0, "k": 0}


def scores(weights, ari):
    return {
        "weights": weights, "n": 6, "k": 2, "components": 3, "variance": 1.0, "elbow": 2, "ari": ari,
        "ari_sd": 0.01, "silhouette": 0.5, "silhouette_sd": 0.02, "best_k": 4, "ari_best_k": 0.3,
        "ari_best_k_sd": 0.03, "silhouette_best_k": 0.6, "silhouette_best_k_sd": 0.01,
        "silhouette_categories": 0.1,
    }  # fmt: skip


@pytest.fixture(scope="module")
def results():
    products = pd.DataFrame({"product_id": list("uvwxyz"), "title": "a <b>", "category": ["A", "B"] * 3})
    points = pd.DataFrame(
        {"product_id": list("uvwxyz"), "x": np.arange(6.0), "y": 0.0, "cluster": 0, "cluster_best": 1}
    )
    table = pd.DataFrame(
        {"category": ["A", "B"], "products": 3, "silhouette": [0.25, np.nan], "distance_A": [0, 1.5],
         "distance_B": [1.5, 0], "cluster_0": [3, 1], "cluster_1": [0, 2]}
    )  # fmt: skip
    metrics = {
        "good": scores("pretrained", 0.7),
        "guess": scores("untrained", 0.1),
        "absent": {**MISSING, "weights": "not available"},
        "few": {**MISSING, "n": 3, "weights": "none"},
    }
    return Results(
        catalogue="tiny",
        metrics={f"cluster/{name}": values for name, values in metrics.items()},
        floor="",
        confidence=0.95,
        target_error=0.01,
        products=products,
        rejects=EMPTY,
        text_statistics=EMPTY,
        clusters={name: points if values["ari"] else points[:0] for name, values in metrics.items()},
        label_issues=EMPTY,
        cluster_tables={name: table if values["ari"] else EMPTY for name, values in metrics.items()},
        tables={},
    )


@pytest.fixture(scope="module")
def section(results):
    return clusters.section(results)


def test_one_comparison_of_all(section):
    table = next(block for block in section.blocks if isinstance(block, TableBlock))
    assert "2 categories" in table.caption
    rows = table.frame.set_index("feature set")
    assert rows.loc["good", "ARI"] == "0.700 ± 0.010" and rows.loc["good", "ARI, best K"] == "0.300 ± 0.030"
    assert (
        rows.loc["absent", "ARI"] == "weights not available" and rows.loc["few", "ARI"] == "too few products"
    )
    assert rows["weights"].tolist() == ["pretrained", "untrained", "not available", "none"]
    assert not rows.isna().any(axis=None)


def test_what_is_untrained_says_so_in_every_figure_and_table(section):
    figure = next(block for block in section.blocks if isinstance(block, FigureBlock))
    assert list(figure.figure.data[0].y) == ["guess (untrained)", "good"]
    assert figure.caption.startswith("good is nearest") and "untrained" in figure.caption
    details = [block for block in section.blocks if isinstance(block, Details)]
    assert [block.summary.split(":")[0] for block in details] == ["good", "guess (untrained)"]
    for caption in [block.caption for block in details[1].blocks]:
        assert caption.startswith("guess (untrained)")
    assert not any("untrained" in block.caption for block in details[0].blocks)


def test_the_tables_of_a_set(section):
    details = next(block for block in section.blocks if isinstance(block, Details))
    far, counts = (block.frame for block in details.blocks if isinstance(block, TableBlock))
    assert far.columns.tolist() == ["category", "silhouette", "A", "B"]
    assert far.to_numpy().tolist() == [["A", "0.250", "0.00", "1.50"], ["B", "", "1.50", "0.00"]]
    assert counts.columns.tolist() == ["category", "products", "cluster 0", "cluster 1"]


def test_no_figure_at_all(results):
    few = {"cluster/few": results.metrics["cluster/few"]}
    alone = Results(**{**vars(results), "metrics": few, "clusters": {"few": results.clusters["few"]}})
    assert not any(isinstance(block, FigureBlock | Details) for block in clusters.section(alone).blocks)


def test_folded_blocks_are_on_the_page_and_in_the_markdown(section):
    html = page.html([section], "tiny")
    assert (
        html.count("<details") == 2
        and 'id="figure-map-guess"' in html
        and "<b>" not in html.split("</style>")[0]
    )
    lines = page.markdown([section], "tiny").splitlines()
    assert "### guess (untrained): ARI 0.100 ± 0.010" in lines
    assert "**good: products of each category in each cluster (first seed)**" in lines


def test_a_published_ari_stands_beside_ours_and_only_where_there_is_one(results, section):
    assert "published ARI" not in section.blocks[1].frame
    metrics = {name: dict(values) for name, values in results.metrics.items()}
    metrics["cluster/guess"]["published_ari"] = 0.3206
    table = clusters.section(replace(results, metrics=metrics)).blocks[1].frame
    assert list(table)[3:5] == ["ARI", "published ARI"]
    assert list(table["published ARI"]) == ["", "0.321", "", ""]
