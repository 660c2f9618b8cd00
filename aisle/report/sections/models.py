"""The classifiers: scores with intervals, folds, per-class scores, confusions."""

from aisle.report.blocks import FigureBlock, Section, TableBlock
from aisle.report.results import Results
from aisle.report.style import styled, with_interval


def section(results: Results) -> Section:
    """Return the scores of all models, and the best model's classes and confusions."""
    names = dict.fromkeys([results.floor, results.best])
    return Section(
        "models",
        "Models",
        [
            _accuracy(results),
            _per_class_figure(results),
            *(_per_class_table(results, name) for name in names),
            *(_confusion(results, name) for name in names),
        ],
    )


def _accuracy(results: Results) -> FigureBlock:
    import plotly.graph_objects as go

    order = sorted(results.compared, key=lambda name: results.models[name]["cv_accuracy"])
    scores = [results.models[name] for name in order]
    points = go.Scatter(
        x=[score["cv_accuracy"] for score in scores],
        y=[results.title(name) for name in order],
        error_x={
            "array": [score["cv_accuracy_high"] - score["cv_accuracy"] for score in scores],
            "arrayminus": [score["cv_accuracy"] - score["cv_accuracy_low"] for score in scores],
        },
        mode="markers",
        marker={"size": 11, "color": "#0072B2"},
        name=f"all folds, {results.confidence:.0%} interval",
    )
    folds = [
        go.Scatter(
            x=results.tables["folds"].query("model == @name")["accuracy"],
            y=[results.title(name)] * int((results.tables["folds"]["model"] == name).sum()),
            mode="markers",
            marker={"size": 6, "color": "#999999", "opacity": 0.6},
            name="a fold",
            showlegend=name == order[0],
        )
        for name in order
    ]
    low, high = results.tables["folds"]["accuracy"].min(), results.tables["folds"]["accuracy"].max()
    caption = f"Accuracy of each model; single folds lie between {low:.3f} and {high:.3f}."
    layout = {"xaxis_title": "accuracy, out of fold"}
    return FigureBlock(
        "accuracy", caption, styled(go.Figure([*folds, points], layout=layout), 160 + 60 * len(order))
    )


def _per_class_figure(results: Results) -> FigureBlock:
    import plotly.graph_objects as go

    cv = results.tables["per_class"].query("protocol == 'cv'")
    grid = cv.pivot(index="model", columns="category", values="f1").loc[list(results.compared)]
    worst = cv.query("model == @results.best").sort_values("f1").iloc[0]
    caption = (
        f"F1 per category; the best model's hardest is {worst['category']} "
        f"({with_interval(worst['f1'], worst['f1_low'], worst['f1_high'])})."
    )
    heatmap = go.Heatmap(
        z=grid.to_numpy(),
        x=list(grid.columns),
        y=[results.title(str(name)) for name in grid.index],
        colorscale="Viridis",
        texttemplate="%{z:.2f}",
        zmin=0,
        zmax=1,
    )
    return FigureBlock("per-class", caption, styled(go.Figure(heatmap), 200 + 50 * len(grid)))


def _per_class_table(results: Results, model: str) -> TableBlock:
    rows = results.tables["per_class"].query("protocol == 'cv' and model == @model")
    table = rows[["category", "precision", "recall"]].round(3)
    table["F1"] = [with_interval(*values) for values in rows[["f1", "f1_low", "f1_high"]].to_numpy()]
    table["products"] = rows["support"].round().astype(int)
    return TableBlock(f"{results.title(model)}: scores per category", table)


def _confusion(results: Results, model: str) -> FigureBlock:
    import plotly.graph_objects as go

    counts = results.tables["confusion"].query("model == @model")
    names = sorted(results.products["category"].unique())
    grid = counts.pivot(index="actual", columns="predicted", values="products")
    grid = grid.reindex(index=names, columns=names).fillna(0)
    wrong = counts.query("actual != predicted").sort_values("products", ascending=False)
    caption = f"{results.title(model)}: no product is in a wrong category."
    if len(wrong):
        first = wrong.iloc[0]
        caption = (
            f"{results.title(model)}: most often {first['actual']} is taken for {first['predicted']} "
            f"({first['products']:.1f} products, mean of the repeats)."
        )
    heatmap = go.Heatmap(z=grid.to_numpy(), x=names, y=names, colorscale="Blues", texttemplate="%{z:.0f}")
    layout = {
        "xaxis_title": "predicted category",
        "yaxis": {"title": "true category", "autorange": "reversed"},
    }
    return FigureBlock(f"confusion-{model}", caption, styled(go.Figure(heatmap, layout=layout), 480))
