"""What a shop can decide without a person: calibration, risk and coverage, and who looks at the rest."""

import pandas as pd

from aisle.report.blocks import Block, Details, FigureBlock, Paragraph, Section, TableBlock
from aisle.report.data.results import Results
from aisle.report.figures.charts import BLUE, GREEN, GREY, ORANGE, PURPLE, legend_above, wrapped
from aisle.report.figures.gallery import gallery
from aisle.report.figures.labels import cut
from aisle.report.sections.answer import obtained, three

LISTED = 20
"""Products of the list for a person that the page shows; the file has all."""
PICTURES = 12
"""Of these with their pictures."""
UNSTEADY = 0.05
"""Coverage below which errors are those of a few products; they do not set the figure's scale."""


def section(results: Results) -> Section:
    """Return calibration and decisions of the models that are looked at closely; tables of all."""
    every = list(results.compared)
    blocks: list[Block] = [
        Paragraph(f"{results.title(results.champion)}, the model to use. {results.promise}"),
        _risk_coverage(results),
        _decisions(results, list(results.shown)),
        _by_category(results),
        _by_fields(results),
        _reliability(results),
        _calibration(results, list(results.shown)),
        *_review(results),
    ]
    if len(every) > len(results.shown):
        tables = [_decisions(results, every), _calibration(results, every)]
        blocks.append(Details(f"Decisions and calibration of all {len(every)} models", tables))
    return Section("decisions", "Deciding automatically", blocks)


def _risk_coverage(results: Results) -> FigureBlock:
    import plotly.graph_objects as go

    curves, chosen = results.tables["risk_coverage"], results.tables["decisions"].set_index("model")
    figure, highest = go.Figure(), results.target_error
    for name, colour in zip(results.shown, (BLUE, ORANGE, GREEN, PURPLE), strict=False):
        rows, label = curves.query("model == @name"), wrapped(results.title(name), 40)
        coverage, error = (float(str(chosen.loc[name, key])) for key in ("coverage", "error"))
        figure.add_scatter(
            x=rows["coverage"].round(4),
            y=rows["error"].round(4),
            name=label,
            mode="lines",
            line={"color": colour},
            legendgroup=name,
        )
        figure.add_scatter(
            x=[round(coverage, 4)],
            y=[round(error, 4)],
            name="with the chosen threshold",
            mode="markers",
            marker={"size": 13, "symbol": "diamond", "color": colour, "line": {"width": 2, "color": GREY}},
            hovertemplate=f"{label}<br>decided: %{{x:.1%}}<br>wrong: %{{y:.2%}}<extra></extra>",
            showlegend=name == results.best,
        )
        highest = max([highest, error, *rows.loc[rows["coverage"] >= UNSTEADY, "error"]])
    allowed = {"line": {"dash": "dot", "color": GREY}, "annotation_text": "error allowed"}
    figure.add_hline(y=results.target_error, annotation_position="top left", **allowed)
    figure.update_layout(
        xaxis={"title": "share of products, the most certain first", "tickformat": ".0%"},
        yaxis={"title": "errors among them", "tickformat": ".1%", "range": [-0.03 * highest, 1.1 * highest]},
    )
    scores = results.models[results.best]
    caption = (
        f"{results.title(results.best)}: thresholds are chosen in the inner folds so that, with "
        f"{results.confidence:.0%} confidence, at most {results.target_error:.1%} of what they let through "
        f"is wrong. Out of fold {obtained(scores)} (diamond). Errors of the first "
        f"{UNSTEADY:.0%} may lie outside."
    )
    return FigureBlock("risk-coverage", caption, legend_above(figure, 420))


def _decisions(results: Results, names: list[str]) -> TableBlock:
    rows = results.tables["decisions"].set_index("model").drop(columns="protocol").astype(float)
    limits = rows["threshold"].map(lambda limit: f"{limit:.3f}" if limit <= 1 else "none: all to a person")
    bounds = rows["guaranteed_bound"].map("at most {:.2%}".format).where(rows["threshold"] <= 1, "no promise")
    table = pd.DataFrame(
        [
            {
                "model": results.title(name),
                "promised error": bounds[name],
                "of new products decided": f"{rows['guaranteed_coverage'][name]:.1%}",
                "threshold": limits[name],
                "calibrated on": f"{rows['calibrated_on'][name]:,.0f}",
                "decided out of fold": three(scores, "cv_coverage_at_target_error"),
                "errors among these": three(scores, "cv_error_at_coverage"),
                "temperature": f"{rows['temperature'][name]:.2f}",
            }
            for name in names
            for scores in [results.models[name]]
        ]
    )
    title = (
        f"At most {results.target_error:.1%} errors, {results.confidence:.0%} confidence: {len(names)} models"
    )
    return TableBlock(title, table)


def _by_category(results: Results) -> TableBlock:
    rows = results.tables["by_category"].query("model == @results.champion")

    def told(name: str) -> "pd.Series[str]":
        parts = rows[[name, f"{name}_low", f"{name}_high"]].astype(float)
        words = [f"{value:.1%} [{low:.1%}, {high:.1%}]" for value, low, high in parts.to_numpy()]
        return pd.Series(words, rows.index).where(parts[name].notna(), "none decided")

    table = pd.DataFrame(
        {
            "predicted category": rows["category"],
            "products": rows["products"],
            "decided automatically": told("coverage"),
            "errors among these": told("error"),
        }
    )
    caption = f"{results.title(results.champion)}, out of fold, by predicted category: exact intervals"
    return TableBlock(caption, table)


def _by_fields(results: Results) -> Block:
    known = results.metrics["champion"]["by_fields"]
    if not known:
        return Paragraph(
            "A product that lacks one of the fields that the model reads goes to a person: no set of fewer "
            "fields was tried on enough products."
        )
    table = pd.DataFrame(
        [
            {
                "products with": fields,
                "decided automatically": f"{each['guaranteed_coverage']:.1%}",
                "promised error": f"at most {each['guaranteed_bound']:.2%}" if decides else "no promise",
                "threshold": f"{each['threshold']:.3f}" if decides else "none: all to a person",
                "calibrated on": f"{each['calibrated_on']:,}",
            }
            for fields, each in known.items()
            for decides in [each["threshold"] is not None]
        ]
    )
    title = (
        f"{results.title(results.champion)}, of products with these fields alone: each set's promise holds "
        "on its own, any other set goes to a person"
    )
    return TableBlock(title, table)


def _reliability(results: Results) -> FigureBlock:
    import plotly.graph_objects as go

    bins = results.tables["reliability"].query("model == @results.best")
    perfect = {"dash": "dot", "color": GREY}
    figure = go.Figure(go.Scatter(x=[0, 1], y=[0, 1], mode="lines", line=perfect, name="perfect"))
    for state, name, colour in (("raw", "as predicted", ORANGE), ("calibrated", "calibrated", BLUE)):
        rows = bins[bins["probabilities"] == state]
        figure.add_scatter(
            x=rows["confidence"].round(4),
            y=rows["accuracy"].round(4),
            name=name,
            mode="lines+markers",
            line={"color": colour, "width": 1},
            marker={"size": (6 + 24 * rows["share"] ** 0.5).round(1)},
            customdata=rows["share"].round(4),
            hovertemplate="probability %{x:.3f}<br>right %{y:.3f}<br>%{customdata:.1%} of all<extra></extra>",
        )
    titles = {"xaxis_title": "probability of the predicted category", "yaxis_title": "share that is right"}
    figure.update_layout(**titles)
    scores = results.models[results.best]
    caption = (
        f"{results.title(results.best)}: probabilities are off by {three(scores, 'cv_ece')} on average as "
        f"predicted, and by {three(scores, 'cv_ece_calibrated')} after temperature scaling. A larger point "
        "has more "
        "products."
    )
    return FigureBlock("reliability", caption, legend_above(figure, 420))


def _calibration(results: Results, models: list[str]) -> TableBlock:
    names = {"ECE": "cv_ece", "NLL": "cv_nll"}
    table = pd.DataFrame(
        [
            {"model": results.title(model)}
            | {
                f"{name}, {state}": three(results.models[model], f"{key}{suffix}")
                for name, key in names.items()
                for state, suffix in (("as predicted", ""), ("calibrated", "_calibrated"))
            }
            for model in models
        ]
    )
    return TableBlock(f"Expected calibration error and negative log-likelihood: {len(models)} models", table)


def _review(results: Results) -> list[Block]:
    rows = results.tables["review"]
    if rows.empty:
        return [Paragraph("No product has to go to a person.")]
    shown, first = rows.head(LISTED), rows.head(PICTURES)
    share = len(rows) / len(results.products)
    caption = (
        f"{len(rows):,} products ({share:.1%}) are to be sent to a person by {results.title(results.best)}, "
        "the "
        f"least certain {len(first)} of them:"
    )
    lines = [[f"{row.predicted}?", f"{row.confidence:.0%} certain"] for row in first.itertuples(index=False)]
    pictures = gallery(results, "review", caption, list(first["product_id"]), lines)
    table = pd.DataFrame(
        {
            "product_id": shown["product_id"],
            "title": shown["title"].map(cut),
            "predicted": shown["predicted"],
            "probability": shown["confidence"].map("{:.2f}".format),
        }
    )
    return [pictures, TableBlock(f"The least certain {len(table)} of {len(rows):,}", table)]
