"""New products: experiments, drift, the promise, how categories change."""

from typing import Any

import pandas as pd

from aisle.report.blocks import (
    Block,
    Details,
    FigureBlock,
    Paragraph,
    Picture,
    PicturesBlock,
    Section,
    TableBlock,
)
from aisle.report.data.results import Results
from aisle.report.figures.charts import BLUE, GREEN, GREY, ORANGE, forest, legend_above
from aisle.report.figures.gallery import NO_PICTURE, WIDTH
from aisle.report.figures.labels import cut
from aisle.report.style import styled

NAME, TITLE = "monitoring", "New products: experiments, drift, categories over time"
EVIDENTLY = "monitoring/evidently.html"
"""Beside the page: Evidently's own, of the newest week."""
TERMS = 8
"""Terms that rise, and that fall, of the page; the file has more."""


def section(results: Results) -> Section:
    """Return what is known of the products that came after the catalogue."""
    found = results.monitoring or {}
    blocks: list[Block] = []
    if found and len(found["batches"]):
        blocks += [*_drift(results, found), *_promise(results, found)]
    blocks += _experiments(results, found)
    blocks += _evolution(results, found)
    if not blocks:
        return Section(
            NAME, TITLE, [Paragraph("No stream of new products is monitored (monitoring.stream).")]
        )
    return Section(NAME, TITLE, blocks)


def _drift(results: Results, found: dict[str, pd.DataFrame]) -> list[Block]:
    """Return which detector alarms in which week, the accuracy to expect, and the shares."""
    import plotly.graph_objects as go

    rows = found["detectors"]
    order = list(dict.fromkeys(rows["detector"]))
    every = list(found["batches"]["batch"])  # one with too few products that are new has no detector
    p, alarm = (
        rows.pivot(index="detector", columns="batch", values=name).reindex(order, columns=every)
        for name in ("p_holm", "alarm")
    )
    alarm = alarm.eq(True).astype(int)
    alarms, names = rows[rows["alarm"].astype(bool)], [name.replace("_", " ") for name in order]
    heat = go.Heatmap(
        z=alarm.to_numpy(), x=list(p.columns), y=names, customdata=p.round(4).to_numpy(), zmin=0, zmax=1,
        text=alarm.replace({0: "", 1: "!"}).to_numpy(), texttemplate="%{text}", xgap=2, ygap=2,
        colorscale=[[0, "rgba(138,138,138,0.15)"], [1, ORANGE]], showscale=False,
        hovertemplate="%{y}, week of %{x}<br>p %{customdata}<extra></extra>",
    )  # fmt: skip
    figure = go.Figure(heat)
    figure.update_layout(xaxis={"type": "category", "title": "week from"}, yaxis={"autorange": "reversed"})
    weeks = alarms["batch"].nunique()
    told = ", ".join(
        f"{detector} in {batch}" for batch, detector in alarms[["batch", "detector"]].to_numpy()[-4:]
    )
    silent = len(every) - rows["batch"].nunique()
    caption = (
        f"{weeks} of {len(every)} weeks raise an alarm (!)"
        + (f", last {told.replace('_', ' ')}" if told else "")
        + (f"; {silent} have too few products that the catalogue has not to be judged" if silent else "")
        + ". Corrected p values: a week without drift alarms with the probability of params.yaml at most."
    )
    blocks: list[Block] = [FigureBlock("drift", caption, styled(figure, 130 + 30 * len(names)))]
    blocks.append(
        Paragraph("Columns, texts, pictures and predictions of the newest week, by Evidently:", EVIDENTLY)
    )
    blocks += [_accuracy(found["batches"]), _shares(found["shares"])]
    return blocks


def _accuracy(batches: pd.DataFrame) -> FigureBlock:
    """Return the accuracy without labels beside that of the reviewed products."""
    groups = {}
    for name, prefix in (("expected, without labels", "expected"), ("reviewed", "reviewed")):
        column = f"{prefix}_accuracy"
        rows = batches[["batch", column, f"{column}_low", f"{column}_high"]].dropna()
        groups[name] = rows.set_axis(["label", "value", "low", "high"], axis=1)
    last = batches.iloc[-1]
    caption = (
        f"Accuracy by week: in that of {last['batch']} {last['expected_accuracy']:.3f} "
        f"[{last['expected_accuracy_low']:.3f}, {last['expected_accuracy_high']:.3f}] is expected "
        f"before anybody looks, by what is learned of the catalogue's right and wrong predictions; "
        f"{int(last['reviewed'] or 0)} of {last['products']} products are reviewed."
    )
    return FigureBlock("expected-accuracy", caption, forest(groups, "accuracy"))


def _shares(shares: pd.DataFrame) -> Details:
    """Return the estimated shares of the week whose predictions moved most."""
    moved = (shares["share_em"] - shares["share"]).abs().groupby(shares["batch"]).sum()
    week = str(moved.idxmax())
    rows = shares[shares["batch"] == week].drop(columns="batch")
    shown = rows.assign(**{str(name): rows[name].map("{:.3f}".format) for name in rows if name != "category"})
    columns = ["category", "in the catalogue", "of the predictions", "estimated by EM", "estimated by BBSE"]
    table = TableBlock(f"Shares of the categories in the week of {week}", shown.set_axis(columns, axis=1))
    return Details("The week whose categories' shares moved most", [table])


def _promise(results: Results, found: dict[str, pd.DataFrame]) -> list[Block]:
    """Return the error of the reviewed automatic decisions against what was promised."""
    import plotly.graph_objects as go

    told, rows = results.metrics["monitoring"], found["promised"]
    if rows.empty:
        return [
            Paragraph("No automatic decision has been drawn for review yet: nothing is known of the promise.")
        ]
    looks, target = list(range(1, len(rows) + 1)), told["target_error_share"]
    figure = go.Figure()
    for name, column, colour in (
        ("wrong so far", "error", BLUE),
        ("at least, at every look", "error_low", GREEN),
    ):
        figure.add_scatter(x=looks, y=rows[column].round(5), mode="lines", name=name, line={"color": colour})
    figure.add_hline(y=target, line={"dash": "dot", "color": GREY}, annotation_text="promised at most")
    figure.update_layout(
        xaxis={"title": "automatic decisions reviewed"}, yaxis={"title": "share wrong", "tickformat": ".0%"}
    )
    whose = "watched here, for the package promises nothing," if told["promise_assumed"] else "promised"
    verdict = f"is proved broken on {told['broken_on']}" if told["broken"] else "is not proved broken"
    caption = (
        f"{told['automatic_wrong']} of {told['automatic_reviewed']} automatic decisions that were drawn for "
        f"review are "
        f"wrong; at most {target:.1%} is {whose} and {verdict}."
    )
    return [FigureBlock("promise", caption, legend_above(figure, 340))]


def _experiments(results: Results, found: dict[str, pd.DataFrame]) -> list[Block]:
    """Return what to do with each experiment, and its effect look by look."""
    told = {k: v for k, v in results.metrics.get("experiments", {}).items() if isinstance(v, dict)}
    if not told:
        return []
    rows = [
        {"experiment": each["title"], "verdict": each["verdict"], **_figures(each)} for each in told.values()
    ]
    table = TableBlock(
        "Experiments: an effect's interval and its p value hold at every look", pd.DataFrame(rows)
    )
    figures = [
        _looks(name, told[str(name)], each) for name, each in found["looks"].groupby("experiment", sort=False)
    ]
    return [table, Details("Each experiment, look by look", figures)] if figures else [table]


def _figures(each: dict[str, Any]) -> dict[str, str]:
    """Return an experiment's figures as cells."""
    if "effect" not in each:
        return {"units": f"{each['units']:,}", "effect": "", "p": "", "forecast": ""}
    forecast = ""
    if each.get("forecast_units"):
        forecast = (
            f"{each['forecast_units']:,} units find what matters; power now {each['forecast_power']:.2f}"
        )
    effect = f"{each['effect']:+.3f} [{each['effect_low']:+.3f}, {each['effect_high']:+.3f}]"
    return {
        "units": f"{each['units']:,}",
        "effect": effect,
        "p": f"{each['effect_p']:.2g}",
        "forecast": forecast,
    }


def _looks(name: Any, told: dict[str, Any], rows: pd.DataFrame) -> FigureBlock:
    """Return an effect and its confidence sequence over the units."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for column, dash, label in (
        ("effect_low", "dot", "interval"),
        ("effect_high", "dot", ""),
        ("effect", "solid", "effect"),
    ):
        figure.add_scatter(
            x=rows["units"], y=rows[column].round(5), mode="lines", name=label or "interval",
            showlegend=bool(label), line={"color": BLUE, "dash": dash},
        )  # fmt: skip
    figure.add_hline(y=0, line={"color": GREY})
    figure.update_layout(xaxis={"title": "units"}, yaxis={"title": "difference of the shares that are right"})
    caption = f"{told['title']} After {told['units']:,} units: {told['verdict']}."
    return FigureBlock(f"experiment-{name}", caption, legend_above(figure, 300))


def _evolution(results: Results, found: dict[str, pd.DataFrame]) -> list[Block]:
    """Return how the categories change, and what a person may want to change in them."""
    told = results.metrics.get("evolution", {})
    if told.get("periods", 0) < 2:
        return []
    blocks: list[Block] = [_by_period(found["evolution/shares"], found["evolution/changes"])]
    if "time_effect" in told:
        text = (
            f"Learned from the earlier two thirds, {told['time_effect_accuracy_later']:.3f} of the later "
            f"{told['tested_on']} products are right, {told['time_effect_accuracy_at_random']:.3f} of as "
            f"many at random: "
            f"a difference of {told['time_effect']:+.3f} [{told['time_effect_low']:+.3f}, "
            f"{told['time_effect_high']:+.3f}]."
        )
        blocks.append(Paragraph(text))
    examples = found["evolution/examples"]
    proposals = found["evolution/proposals"]
    new = proposals[proposals["kind"] == "new category"].reset_index(drop=True)
    for number, rows in examples.groupby("group"):
        row = new.iloc[int(str(number))]
        pictures = [
            Picture(jpeg or NO_PICTURE, title, [cut(title)])
            for jpeg, title in zip(rows["jpeg"], rows["title"], strict=True)
        ]
        caption = (
            f"{row['products']} products that are far from all categories, perhaps a new one: {row['words']}."
        )
        blocks.append(PicturesBlock(f"new-category-{number}", caption, pictures, width=WIDTH))
    return [*blocks, Details("Terms, movements, and what to split or merge", _tables(found))]


def _by_period(shares: pd.DataFrame, changes: pd.DataFrame) -> FigureBlock:
    """Return the share of each category by period."""
    import plotly.graph_objects as go

    from aisle.report.style import colours

    figure, colour = go.Figure(), colours(sorted(shares["category"].unique()))
    for name, rows in shares.groupby("category"):
        figure.add_scatter(
            x=rows["period"], y=rows["share"].round(4), mode="lines+markers", name=str(name),
            line={"color": colour[str(name)]}, customdata=rows[["share_low", "share_high"]].round(3),
            hovertemplate="%{y:.3f} [%{customdata[0]}, %{customdata[1]}]<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    figure.update_layout(
        xaxis={"title": "period from", "type": "category"}, yaxis={"title": "share of the products"}
    )
    told = changes[changes["change"] != "steady"]
    words = "; ".join(f"{row.category} {row.change}" for row in told.itertuples(index=False))
    caption = (
        f"Shares of {len(changes)} categories in {shares['period'].nunique()} periods, by label where there "
        f"is one. In the "
        f"last one against those before: {words or 'no change beyond chance'} (Fisher, Holm)."
    )
    return FigureBlock("category-shares", caption, legend_above(figure, 360))


def _tables(found: dict[str, pd.DataFrame]) -> list[TableBlock]:
    """Return terms, movements and proposals."""
    terms = found["evolution/terms"]
    both = pd.concat([terms.head(TERMS), terms.tail(TERMS)]).drop_duplicates("term")
    shown = both.assign(log_odds=both["log_odds"].map("{:+.2f}".format), z=both["z"].map("{:+.1f}".format))
    moved, proposed = found["evolution/movements"], found["evolution/proposals"]
    moved = moved.assign(
        moved=moved["moved"].astype(float).round(2), p_holm=moved["p_holm"].map("{:.2g}".format)
    )
    proposed = proposed[(proposed["p"].astype(float).fillna(0) <= 0.05)]
    proposed = proposed.assign(evidence=proposed["evidence"].astype(float).round(3)).drop(columns="p")
    return [
        TableBlock("Terms that rise and fall in the last period: log-odds with a prior", shown),
        TableBlock(
            "Movement of the categories' centres, in units of their spread",
            moved.drop(columns=["p", "alarm"]),
        ),
        TableBlock("Categories to split, to merge or to add", proposed),
    ]
