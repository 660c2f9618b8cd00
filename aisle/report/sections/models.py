"""The classifiers: scores with intervals and folds, scores per category, confusions."""

import pandas as pd

from aisle.report.blocks import Block, Details, FigureBlock, Leaf, Section, TableBlock
from aisle.report.data.results import Results
from aisle.report.figures.charts import BLUE, GREY, error_bars, forest, legend_above, wrapped
from aisle.report.figures.labels import endings
from aisle.report.sections.answer import three
from aisle.report.style import styled, with_interval

DRAWN = 40
"""Categories that a figure shows one by one, at most: those with the most wrong products."""


def section(results: Results) -> Section:
    """Return the scores of all models, and the classes and confusions of those that are looked at closely."""
    first, *others = results.shown
    tables = [_per_class_table(results, name) for name in results.shown]
    blocks: list[Block] = [
        _accuracy(results),
        _per_class(results),
        Details("Scores per category as tables, and F1 of all models", [_per_class_all(results), *tables]),
        _confusion(results, first),
        *(
            Details(f"Confusion matrix of {results.title(name)}, {results.shown[name]}", [matrix])
            for name in others
            for matrix in [_confusion(results, name)]
        ),
    ]
    return Section("models", "Models", blocks)


def _any_untrained(results: Results) -> bool:
    return any(results.is_untrained(name) for name in results.compared)


def _accuracy(results: Results) -> FigureBlock:
    import plotly.graph_objects as go

    order = sorted(results.compared, key=lambda name: results.models[name]["cv_accuracy"], reverse=True)
    labels = [wrapped(results.title(name)) for name in order]
    keys = ("cv_accuracy", "cv_accuracy_low", "cv_accuracy_high")
    rows = pd.DataFrame([[results.models[name][key] for key in keys] for name in order])
    rows.columns = pd.Index(["value", "low", "high"])
    folds = results.tables["folds"][results.tables["folds"]["model"].isin(order)]
    label = dict(zip(order, labels, strict=True))
    figure = go.Figure(
        go.Scatter(
            x=folds["accuracy"].round(4),
            y=folds["model"].map(label),
            mode="markers",
            marker={"size": 6, "color": GREY, "opacity": 0.5},
            name="a fold",
            hovertemplate="a fold: %{x}<extra></extra>",
        )
    )
    untrained = pd.Series([results.is_untrained(name) for name in order])
    for kept, colour, suffix in ((~untrained, BLUE, ""), (untrained, GREY, ", untrained")):
        part = rows[kept]
        if len(part):
            figure.add_scatter(
                x=part["value"],
                y=[labels[i] for i in part.index],
                error_x=error_bars(part, colour),
                mode="markers",
                marker={"size": 11, "color": colour},
                name=f"all folds, {results.confidence:.0%} interval{suffix}",
            )
    height = sum(34 + 15 * each.count("<br>") for each in labels)
    yaxis = {"categoryorder": "array", "categoryarray": labels, "autorange": "reversed", "automargin": True}
    figure.update_layout(xaxis={"title": "accuracy, out of fold"}, yaxis=yaxis)
    low, high = folds["accuracy"].min(), folds["accuracy"].max()
    caption = (
        f"Accuracy of {len(order)} cross-validated models: {results.title(order[0])} has the highest, "
        f"{three(results.models[order[0]], 'cv_accuracy')}, {results.title(order[-1])} the lowest, "
        f"{three(results.models[order[-1]], 'cv_accuracy')}; single folds lie between {low:.3f} and "
        f"{high:.3f}."
    )
    return FigureBlock("accuracy", caption, legend_above(figure, 110 + height), _any_untrained(results))


def _drawn(results: Results) -> list[str]:
    """Return the categories that figures show: of the best model's, those with the most wrong products."""
    counts = results.tables["confusion"].query("model == @results.best")
    wrong = counts[counts["actual"] != counts["predicted"]].groupby("actual")["products"].sum()
    names = sorted({*_cv_classes(results)["category"]})
    most = wrong.reindex(names, fill_value=0).sort_values(ascending=False, kind="stable")
    return sorted(most.index[:DRAWN])


def _left_out(results: Results) -> str:
    """Return a sentence on the categories that a figure leaves out; nothing where it has all."""
    n = _cv_classes(results)["category"].nunique()
    return f" Of {n} categories the {DRAWN} with the most wrong products are drawn." if n > DRAWN else ""


def _cv_classes(results: Results) -> pd.DataFrame:
    return results.tables["per_class"].query("protocol == 'cv'")


def _per_class(results: Results) -> FigureBlock:
    classes = _cv_classes(results)
    best = classes[classes["model"] == results.best].sort_values(["f1", "category"])
    drawn = best[best["category"].isin(_drawn(results))]
    order = list(drawn["category"])
    short, groups = endings(order), {}
    for name in list(results.shown)[:3]:
        rows = classes[classes["model"] == name].set_index("category").loc[order].reset_index()
        rows = rows.assign(category=rows["category"].map(short))
        groups[wrapped(results.title(name), 40)] = rows.rename(
            columns={"category": "label", "f1": "value", "f1_low": "low", "f1_high": "high"}
        )
    worst, easiest = best.iloc[0], best.iloc[-1]
    caption = (
        f"F1 per category of {results.title(results.best)}: the hardest is {worst['category']}, "
        f"{with_interval(worst['f1'], worst['f1_low'], worst['f1_high'])}, the easiest "
        f"{easiest['category']}, "
        f"{with_interval(easiest['f1'], easiest['f1_low'], easiest['f1_high'])}.{_left_out(results)}"
    )
    return FigureBlock("per-class", caption, forest(groups, f"F1, {results.confidence:.0%} interval"))


def _per_class_all(results: Results) -> FigureBlock:
    import plotly.graph_objects as go

    cv = _cv_classes(results)
    order = sorted(results.compared, key=lambda name: results.models[name]["cv_accuracy"], reverse=True)
    grid = cv.pivot(index="model", columns="category", values="f1").loc[order]
    spread = grid.max() - grid.min()
    lowest, highest = grid[spread.idxmax()].min(), grid[spread.idxmax()].max()
    grid = grid[_drawn(results)]
    labels = [wrapped(results.title(str(name))) for name in grid.index]
    heatmap = go.Heatmap(
        z=grid.to_numpy().round(3),
        x=list(endings(str(name) for name in grid.columns).values()),
        y=labels,
        colorscale="Viridis",
        texttemplate="%{z:.2f}",
        zmin=0,
        zmax=1,
        showscale=False,
    )
    layout = {"yaxis": {"autorange": "reversed", "automargin": True}}
    caption = (
        f"F1 per category of all {len(grid)} models: they differ most in {spread.idxmax()} "
        f"({lowest:.2f} to {highest:.2f}).{_left_out(results)}"
    )
    height = 170 + sum(30 + 15 * each.count("<br>") for each in labels)
    figure = styled(go.Figure(heatmap, layout=layout), height)
    return FigureBlock("per-class-all", caption, figure, _any_untrained(results))


def _per_class_table(results: Results, model: str) -> TableBlock:
    rows = _cv_classes(results).query("model == @model")
    rows = rows[rows["category"].isin(_drawn(results))]
    table = rows[["category", "precision", "recall"]].round(3)
    table["F1"] = [with_interval(*values) for values in rows[["f1", "f1_low", "f1_high"]].to_numpy()]
    table["products"] = rows["support"].round().astype(int)
    told = f"{results.title(model)}, {results.shown[model]}: scores per category"
    left_out = _left_out(results).replace("drawn", "shown")
    return TableBlock(f"{told}.{left_out}" if left_out else told, table)


def _confusion(results: Results, model: str) -> Leaf:
    import plotly.graph_objects as go

    counts = results.tables["confusion"].query("model == @model")
    names = _drawn(results)
    grid = counts.pivot(index="actual", columns="predicted", values="products").fillna(0)
    share = grid.div(grid.sum(axis=1).where(lambda total: total > 0, 1), axis=0)
    wrong = counts.query("actual != predicted").sort_values("products", ascending=False)
    caption = f"{results.title(model)}: no product is in a wrong category."
    if len(wrong):
        first = wrong.iloc[0]
        caption = (
            f"{results.title(model)}, {results.shown[model]}: most often {first['actual']} is taken for "
            f"{first['predicted']}, {share.loc[first['actual'], first['predicted']]:.1%} of its products "
            f"({first['products']:.1f}, mean of the repeats). Colour: share of the true category; number: "
            f"products.{_left_out(results)}"
        )
    share = share.reindex(index=names, columns=names).fillna(0)
    grid = grid.reindex(index=names, columns=names).fillna(0)
    text = grid.map(lambda value: f"{value:.0f}" if value >= 0.5 else ("<1" if value else ""))
    short = endings(names)
    labels = [wrapped(short[name], 16) for name in names]
    heatmap = go.Heatmap(
        z=share.to_numpy().round(4),
        x=[short[name] for name in names],
        y=labels,
        text=text.to_numpy(),
        customdata=grid.to_numpy().round(1),
        texttemplate="%{text}",
        hovertemplate="%{y}<br>taken for %{x}<br>%{z:.1%}, %{customdata} products<extra></extra>",
        colorscale="Blues",
        zmin=0,
        zmax=1,
        showscale=False,
    )
    layout = {
        "xaxis": {"title": "predicted category", "automargin": True},
        "yaxis": {"title": "true category", "autorange": "reversed", "automargin": True},
    }
    figure = styled(go.Figure(heatmap, layout=layout), 260 + 46 * max(len(names), 5))
    return FigureBlock(f"confusion-{model}", caption, figure, results.is_untrained(model))
