"""The report's section on clusters: what it says of sets that are untrained or have no weights."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from aisle.report import page
from aisle.report.blocks import Details, FigureBlock, Paragraph, TableBlock
from aisle.report.data.results import Results
from aisle.report.figures import feature_points
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
        {"product_id": list("uvwxyz"), "x": np.arange(6.0), "y": 0.0, "cluster": [1, 1, 1, 0, 1, 0],
         "cluster_best": 1, "silhouette": [0.5, -0.2, 0.1, 0.3, 0.3, np.nan]}
    )  # fmt: skip
    table = pd.DataFrame(
        {"category": ["A", "B"], "products": 3, "silhouette": [0.3, 0.05], "distance_A": [0, 1.5],
         "distance_B": [1.5, 0], "cluster_0": [0, 2], "cluster_1": [3, 1]}
    )  # fmt: skip
    curve = pd.DataFrame({"component": [1, 2, 3], "variance": [0.5, 0.4, 0.1], "cumulative": [0.5, 0.9, 1]})
    metrics = {
        "good": scores("pretrained", 0.7),
        "guess": scores("untrained", 0.1),
        "absent": {**MISSING, "weights": "not available"},
        "few": {**MISSING, "n": 3, "weights": "none"},
    }
    return Results(
        catalogue="tiny",
        metrics={f"cluster/{name}": values for name, values in metrics.items()},
        baseline="",
        confidence=0.95,
        target_error=0.01,
        products=products,
        monitoring=None,
        rejects=EMPTY,
        clusters={name: points if values["ari"] else points[:0] for name, values in metrics.items()},
        label_issues=EMPTY,
        cluster_tables={name: table if values["ari"] else EMPTY for name, values in metrics.items()},
        tables={},
        exploration={},
        thumbnails=EMPTY,
        histories={},
        grad_cam=EMPTY,
        shap_words=EMPTY,
        shap_examples=EMPTY,
        shap_fusion={},
        cluster_curves={name: curve if values["ari"] else EMPTY for name, values in metrics.items()},
        candidates=EMPTY,
        backbones=EMPTY,
        backbone_models={},
    )


@pytest.fixture(scope="module")
def section(results):
    return clusters.section(results)


def test_one_comparison_of_all(section):
    table = next(block for block in section.blocks if isinstance(block, TableBlock))
    assert table.caption == "Clusters of 2 feature sets against 2 categories"
    rows = table.frame.set_index("feature set")
    assert list(rows.index) == ["good", "guess"] and rows["weights"].tolist() == ["pretrained", "untrained"]
    assert rows.loc["good", "ARI"] == "0.700\u00a0±\u00a00.010"
    assert rows.loc["good", "ARI, best K"] == "0.300\u00a0±\u00a00.030"
    assert not rows.isna().any(axis=None)


def test_what_could_not_be_clustered_is_named(section):
    told = [block.text for block in section.blocks if isinstance(block, Paragraph)]
    assert "Not clustered, for their weights are not available here: absent." in told
    assert "Not clustered, for they have too few products: few." in told


def test_what_is_untrained_says_so_in_every_figure_and_table(section):
    figure = next(block for block in section.blocks if isinstance(block, FigureBlock))
    assert list(figure.figure.data[0].y) == ["guess (untrained)", "good"]
    assert (
        figure.caption.startswith("Of the sets without random weights, good is nearest")
        and "untrained" in figure.caption
    )
    details = [block for block in section.blocks if isinstance(block, Details)]
    assert [block.summary.split(":")[0] for block in details] == ["good", "guess (untrained)"]
    for caption in [block.caption for block in details[1].blocks]:
        assert caption.startswith("guess (untrained)")
    assert not any("untrained" in block.caption for block in details[0].blocks)


@pytest.fixture(scope="module")
def blocks(section):
    """Return the blocks of the first feature set by the kind of figure."""
    details = next(block for block in section.blocks if isinstance(block, Details))
    return {block.name.split("-")[0]: block for block in details.blocks if isinstance(block, FigureBlock)}


def test_every_figure_of_a_set(section, blocks):
    assert list(blocks) == ["variance", "map", "silhouette", "distances", "clusters"]
    names = [b.name for d in section.blocks if isinstance(d, Details) for b in d.blocks[:5]]
    assert len(set(names)) == len(names) == 10
    every = [block for d in section.blocks if isinstance(d, Details) for block in d.blocks[:5]]
    assert [block.untrained for block in every] == [False] * 5 + [True] * 5


def test_the_elbow_is_marked_on_both_curves(blocks):
    figure = blocks["variance"].figure
    marked = [trace for trace in figure.data if trace.name == "elbow: 2"]
    assert [(trace.x, trace.y) for trace in marked] == [((2,), (0.4,)), ((2,), (0.9,))]
    cumulative = next(trace for trace in figure.data if trace.name == "the first ones")
    assert cumulative.x == (0, 1, 2, 3) and cumulative.y == (0, 0.5, 0.9, 1)
    assert "elbow is at 2 of 3 components, which explain 90% of the variance" in blocks["variance"].caption
    assert "the first 1 explain half" in blocks["variance"].caption


def test_the_map_stands_twice_and_a_cluster_has_its_category_s_colour(blocks):
    traces = blocks["map"].figure.data
    assert [trace.name for trace in traces] == ["A", "B", "cluster 0", "cluster 1"]
    assert [trace.xaxis for trace in traces] == ["x", "x", "x2", "x2"]
    layout = blocks["map"].figure.layout
    assert (layout.xaxis.title.text, layout.xaxis2.title.text) == ("by category", "by cluster")
    left_a, left_b, zero, one = traces
    assert (zero.marker.color, one.marker.color) == (left_b.marker.color, left_a.marker.color)
    assert (zero.legendgroup, one.legendgroup) == ("B", "A")  # the legend switches both
    assert [trace.showlegend for trace in traces] == [True, True, False, False]
    assert left_a.customdata == ("u", "w", "y") and zero.customdata == ("x", "z")
    assert {trace.meta for trace in traces} == {"products"}


def test_silhouettes_are_sorted_within_each_category(blocks):
    a, b = blocks["silhouette"].figure.data
    assert a.x == (0.5, 0.3, 0.1) and a.customdata == ("u", "y", "w")
    assert b.x == (0.3, -0.2) and min(b.y) > max(a.y)
    assert (a.meta, a.fill) == ("products", "tozerox")
    caption = blocks["silhouette"].caption
    assert "mean silhouette 0.200; 20% of the products are nearer" in caption
    assert "A stands apart most (0.30), B least (0.05)" in caption
    assert "random sample of 5 of 6 products" in caption  # one has none


def test_the_heatmaps_have_their_values_in_the_cells(blocks):
    heat = blocks["distances"].figure.data[0]
    assert heat.z == ([0.0, 1.5], [1.5, 0.0]) and heat.texttemplate == "%{z:.2f}"
    assert "nearest to each other are the centres of A and B (1.50)" in blocks["distances"].caption
    heat = blocks["clusters"].figure.data[0]
    assert list(heat.x) == ["cluster 1", "cluster 0"]  # in the order of the categories they are matched with
    assert heat.text == ([3, 0], [1, 2]) and heat.z == ([1.0, 0.0], [0.3333, 0.6667])
    caption = blocks["clusters"].caption
    assert "83% of the products are in the cluster matched" in caption
    assert "the largest group elsewhere is 1 of B in cluster 1, that of A" in caption


def test_the_table_of_the_categories(section):
    details = next(block for block in section.blocks if isinstance(block, Details))
    frame = next(block.frame for block in details.blocks if isinstance(block, TableBlock))
    assert frame.to_numpy().tolist() == [
        ["A", "3", "0.300", "B (1.50)", 1, "100%"],
        ["B", "3", "0.050", "A (1.50)", 0, "67%"],
    ]


def test_of_many_products_a_sample_is_drawn_and_the_captions_say_so(results, monkeypatch):
    monkeypatch.setattr(feature_points, "SHOWN", 4)
    details = next(block for block in clusters.section(results).blocks if isinstance(block, Details))
    drawn = {block.name: block for block in details.blocks if isinstance(block, FigureBlock)}
    assert "a random sample of 4 of 6" in drawn["map-good"].caption
    left = [trace for trace in drawn["map-good"].figure.data if trace.xaxis == "x"]
    assert sum(len(trace.x) for trace in left) == 4
    assert "a random sample of 4 of 5" in drawn["silhouette-good"].caption
    assert sum(len(trace.x) for trace in drawn["silhouette-good"].figure.data) == 4


def test_the_table_for_dvc_plots_has_the_sets_that_could_be_clustered(results):
    table = clusters.compared(results)
    assert table["feature_set"].tolist() == ["good", "guess"] and table["ari"].tolist() == [0.7, 0.1]
    assert {"weights", "ari_sd", "published_ari", "elbow"} < set(table)


def test_no_figure_at_all(results):
    few = {"cluster/few": results.metrics["cluster/few"]}
    alone = Results(**{**vars(results), "metrics": few, "clusters": {"few": results.clusters["few"]}})
    assert not any(isinstance(block, FigureBlock | Details) for block in clusters.section(alone).blocks)


def test_folded_blocks_are_on_the_page_and_in_the_markdown(results, section):
    none = pd.DataFrame({"product_id": [], "jpeg": []})
    html = page.html([section], "tiny", results.products, none)
    assert (
        html.count("<details") == 2
        and 'id="figure-map-guess"' in html
        and "<b>" not in html.split("</style>")[0]
    )
    lines = page.markdown([section], "tiny").splitlines()
    assert "### guess (untrained): ARI 0.100 ± 0.010" in lines
    assert any(line.startswith("**good: silhouette, nearest category") for line in lines)


def table_of(results):
    return next(block.frame for block in clusters.section(results).blocks if isinstance(block, TableBlock))


def test_a_published_ari_stands_beside_ours_and_only_where_there_is_one(results):
    assert "published ARI" not in table_of(results)
    metrics = {name: dict(values) for name, values in results.metrics.items()}
    metrics["cluster/guess"]["published_ari"] = 0.3206
    table = table_of(replace(results, metrics=metrics))
    assert list(table)[3:5] == ["ARI", "published ARI"]
    assert list(table["published ARI"]) == ["", "0.321"]


def test_the_published_ari_is_a_point_beside_our_bar_also_where_there_are_no_weights(results):
    metrics = {name: dict(values) for name, values in results.metrics.items()}
    metrics["cluster/good"]["published_ari"], metrics["cluster/absent"]["published_ari"] = 0.5, 0.6433
    block = next(
        block
        for block in clusters.section(replace(results, metrics=metrics)).blocks
        if isinstance(block, FigureBlock)
    )
    bars, diamonds = block.figure.data
    assert list(bars.y) == ["guess (untrained)", "good"]
    assert list(bars.error_x.array) == [0.01, 0.01]
    assert dict(zip(diamonds.y, diamonds.x, strict=True)) == {"absent (no weights)": 0.6433, "good": 0.5}
    assert "good 0.700 here, 0.500 published" in block.caption
    assert "the weights are not available here: absent" in block.caption
    told = [
        b.text
        for b in clusters.section(replace(results, metrics=metrics)).blocks[1:]
        if isinstance(b, Paragraph)
    ]
    assert "Not clustered (published ARI), for their weights are not available here: absent (0.643)." in told
