"""What a shop can decide without a person: calibration, risk and coverage, and who looks at the rest."""

import pandas as pd

from aisle.report.blocks import FigureBlock, Section, TableBlock
from aisle.report.results import Results
from aisle.report.sections.answer import three
from aisle.report.style import styled

LISTED = 20
"""Products of the list for a person that the page shows; the file has all."""


def section(results: Results) -> Section:
    """Return calibration and decisions of the floor and the best model."""
    return Section(
        "decisions",
        "Deciding automatically",
        [
            _risk_coverage(results),
            _decisions(results),
            _reliability(results),
            _calibration(results),
            _review(results),
        ],
    )


def _shown(results: Results) -> list[str]:
    return list(dict.fromkeys([results.floor, results.best]))


def _risk_coverage(results: Results) -> FigureBlock:
    import plotly.graph_objects as go

    curves = results.tables["risk_coverage"]
    figure = go.Figure()
    for name in _shown(results):
        rows = curves.query("model == @name")
        figure.add_scatter(x=rows["coverage"], y=rows["error"], name=results.title(name), mode="lines")
    figure.add_hline(y=results.target_error, line_dash="dot", annotation_text="error allowed")
    figure.update_layout(
        xaxis={"title": "share of products, the most certain first", "tickformat": ".0%"},
        yaxis={"title": "errors among them", "tickformat": ".1%"},
    )
    scores = results.models[results.best]
    caption = (
        f"{results.title(results.best)}: at most {results.target_error:.1%} errors allowed, "
        f"{scores['cv_coverage_at_target_error']:.1%} of the products need no person; thresholds are chosen "
        f"in the inner folds, and out of fold {scores['cv_error_at_coverage']:.2%} of these are wrong."
    )
    return FigureBlock("risk-coverage", caption, styled(figure))


def _decisions(results: Results) -> TableBlock:
    rows = results.tables["decisions"].set_index("model")[["threshold", "temperature"]].astype(float)
    table = pd.DataFrame(
        [
            {
                "model": results.title(name),
                "decided automatically": three(scores, "cv_coverage_at_target_error"),
                "errors among these": three(scores, "cv_error_at_coverage"),
                "threshold for new products": f"{rows['threshold'][name]:.3f}",
                "temperature": f"{rows['temperature'][name]:.2f}",
            }
            for name, scores in results.compared.items()
        ]
    )
    return TableBlock(f"At most {results.target_error:.1%} errors allowed", table)


def _reliability(results: Results) -> FigureBlock:
    import plotly.graph_objects as go

    bins = results.tables["reliability"].query("model == @results.best")
    perfect = {"dash": "dot", "color": "#999999"}
    figure = go.Figure(go.Scatter(x=[0, 1], y=[0, 1], mode="lines", line=perfect, name="perfect"))
    for state in ("raw", "calibrated"):
        rows = bins[bins["probabilities"] == state]
        marker = {"size": 6 + 24 * rows["share"] ** 0.5}
        figure.add_scatter(
            x=rows["confidence"], y=rows["accuracy"], name=state, mode="lines+markers", marker=marker
        )
    titles = {"xaxis_title": "probability of the predicted category", "yaxis_title": "share that is right"}
    figure.update_layout(**titles)
    scores = results.models[results.best]
    caption = (
        f"{results.title(results.best)}: probabilities are off by {scores['cv_ece']:.3f} on average as "
        f"predicted, and by {scores['cv_ece_calibrated']:.3f} after temperature scaling."
    )
    return FigureBlock("reliability", caption, styled(figure))


def _calibration(results: Results) -> TableBlock:
    names = {"ECE": "cv_ece", "NLL": "cv_nll"}
    table = pd.DataFrame(
        [
            {"model": results.title(model)}
            | {
                f"{name}, {state}": three(scores, f"{key}{suffix}")
                for name, key in names.items()
                for state, suffix in (("as predicted", ""), ("calibrated", "_calibrated"))
            }
            for model, scores in results.compared.items()
        ]
    )
    return TableBlock("Expected calibration error and negative log-likelihood", table)


def _review(results: Results) -> TableBlock:
    rows = results.tables["review"]
    table = rows.head(LISTED)[["product_id", "title", "predicted"]]
    table = table.assign(probability=rows["confidence"].head(LISTED).map("{:.2f}".format))
    return TableBlock(
        f"{len(rows):,} products to send to a person, the least certain {len(table)} of them", table
    )
