"""Loss and accuracy by epoch."""

import pandas as pd

from aisle.report.blocks import FigureBlock
from aisle.report.data.results import Results
from aisle.report.figures.charts import BLUE, GREY, ORANGE, legend_above

BAND = {BLUE: "rgba(0,114,178,0.2)", ORANGE: "rgba(230,159,0,0.25)"}
"""Of a line's colour."""


def _by_epoch(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return value (mean over the seeds), low and high (less and plus a standard deviation) per epoch."""
    found = rows.groupby("epoch")[column].agg(["mean", "std"])
    sd = found["std"].fillna(0)
    return pd.DataFrame({"value": found["mean"], "low": found["mean"] - sd, "high": found["mean"] + sd})


def _last(rows: pd.DataFrame) -> pd.Series:
    """Return the validation accuracy of each seed after its last epoch."""
    return rows.sort_values("epoch").groupby("seed")["val_accuracy"].last()


def summary(results: Results, name: str, rows: pd.DataFrame) -> str:
    """Return a training in a few words."""
    epochs = int(rows["epoch"].max())
    return f"{results.title(name)}: {epochs} epochs, validation accuracy {_last(rows).mean():.3f}"


def overview(results: Results, learned: dict[str, pd.DataFrame]) -> FigureBlock:
    """Return each network's validation accuracy epoch by epoch."""
    import plotly.graph_objects as go

    figure, kinds = go.Figure(), set()
    for number, (name, rows) in enumerate(learned.items()):
        line, kind, colour = _by_epoch(rows, "val_accuracy"), "text and picture", ORANGE
        if results.modalities[name] == {"image"}:
            kind, colour = "picture alone", BLUE
        if results.is_untrained(name):
            kind, colour = "untrained", GREY
        figure.add_scatter(
            x=line.index,
            y=line["value"].round(4),
            text=[results.title(name)] * len(line),
            hovertemplate="%{text}<br>epoch %{x}: %{y}<extra></extra>",
            mode="lines+markers",
            name=kind,
            legendgroup=kind,
            showlegend=kind not in kinds,
            line={"color": colour, "width": 1.5},
            marker={"size": 6, "symbol": number % 12},
        )
        kinds.add(kind)
    figure.update_layout(
        xaxis={"title": "epoch", "rangemode": "tozero"}, yaxis={"title": "validation accuracy"}
    )
    last = {name: _last(rows).mean() for name, rows in learned.items()}
    best = max(last, key=lambda name: last[name])
    gap = {
        name: rows.sort_values("epoch").groupby("seed")["accuracy"].last().mean() - last[name]
        for name, rows in learned.items()
    }
    widest = max(gap, key=lambda name: gap[name])
    caption = (
        f"Validation accuracy of {len(learned)} networks by epoch, mean of the seeds: {results.title(best)} "
        "ends "
        f"highest, at {last[best]:.3f}; {results.title(widest)} is furthest ahead on what it learned from "
        f"({gap[widest]:+.3f}). Single trainings are folded below."
    )
    untrained = any(results.is_untrained(name) for name in learned)
    legend_above(figure, 400)
    return FigureBlock("validation", caption, figure, untrained)


def figure(results: Results, name: str, rows: pd.DataFrame) -> FigureBlock:
    """Return loss and accuracy of training and validation by epoch, mean and band over the seeds."""
    from plotly.subplots import make_subplots

    drawn = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.06)
    seeds = rows["seed"].nunique()
    for row, score in enumerate(("loss", "accuracy"), start=1):
        for part, column, colour in (("training", score, BLUE), ("validation", f"val_{score}", ORANGE)):
            line = _by_epoch(rows, column).round(4)
            if seeds > 1:
                drawn.add_scatter(
                    x=[*line.index, *line.index[::-1]],
                    y=[*line["high"], *line["low"][::-1]],
                    fill="toself",
                    fillcolor=BAND[colour],
                    line={"width": 0},
                    hoverinfo="skip",
                    showlegend=False,
                    row=row,
                    col=1,
                )
            drawn.add_scatter(
                x=line.index,
                y=line["value"],
                mode="lines+markers",
                name=part,
                line={"color": colour},
                showlegend=row == 1,
                row=row,
                col=1,
            )
        drawn.update_yaxes(title=score, row=row, col=1)
    drawn.update_xaxes(title="epoch", row=2, col=1)
    losses = _by_epoch(rows, "val_loss")["value"]
    best = int(losses.to_numpy().argmin()) + 1
    of = f"mean of {seeds} seeds, band: standard deviation" if seeds > 1 else "one training"
    caption = (
        f"{results.title(name)} ({of}): the validation loss is lowest after epoch {best} of "
        f"{len(losses)} "
        f"({losses.min():.3f}); validation accuracy ends at {_last(rows).mean():.3f}."
    )
    return FigureBlock(f"curves-{name}", caption, legend_above(drawn, 460), results.is_untrained(name))
