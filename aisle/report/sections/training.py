"""The neural models: what augmentation and fine-tuning did, seeds, how they learned."""

import pandas as pd

from aisle.report.blocks import Block, Details, FigureBlock, Paragraph, Section, TableBlock
from aisle.report.data.results import Results
from aisle.report.figures.charts import ORANGE, forest, legend_above
from aisle.report.sections import curves
from aisle.report.sections.answer import three


def section(results: Results) -> Section:
    """Return the hold-out models, the seeds, and a figure of each training, folded."""
    learned = {name: rows for name, rows in results.histories.items() if len(rows)}
    blocks: list[Block] = [*_tuned(results), *_seeds(results)]
    if learned:
        blocks.append(curves.overview(results, learned))
    blocks += [
        Details(curves.summary(results, name, rows), [curves.figure(results, name, rows)])
        for name, rows in learned.items()
    ]
    if absent := [name for name in results.histories if name not in learned]:
        count = f"{len(absent)} model{'s' * (len(absent) != 1)}"
        blocks.append(
            Paragraph(
                f"Not trained, because weights are not available ({count}): "
                f"{', '.join(results.titles[name] for name in absent)}."
            )
        )
    return Section("training", "Training", blocks or [Paragraph("No neural model is in params.yaml.")])


def _tuned(results: Results) -> list[Block]:
    """Return the models that have run the hold-out alone: frozen, augmented, fine-tuned; and the baseline."""
    names = [name for name in results.models if name not in results.compared]
    if not names:
        return []
    rows = pd.DataFrame(
        [
            {
                "label": results.title(name),
                **{"value": scores["holdout_accuracy"], "low": scores["holdout_accuracy_low"]},
                **{"high": scores["holdout_accuracy_high"], "untrained": results.is_untrained(name)},
            }
            for name in [*names, results.baseline]
            for scores in [results.models[name]]
        ]
    )
    best = max(names, key=lambda name: results.models[name]["holdout_accuracy"])
    scores = results.models[best]
    p = scores["holdout_mcnemar_p"]
    told = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    against = (
        "differs from the baseline" if p < 1 - results.confidence else "cannot be told from the baseline"
    )
    shares = rows.iloc[:-1]
    overlap = len(shares) > 1 and shares["low"].max() <= shares["high"].min()
    among = " The intervals of these models all overlap." if overlap else ""
    caption = (
        f"Models that have run the hold-out alone (frozen, augmented, fine-tuned): {results.title(best)} has "
        "the "
        f"highest accuracy, {three(scores, 'holdout_accuracy')}; it {against} "
        f"({three(results.models[results.baseline], 'holdout_accuracy')}; McNemar's {told}).{among}"
    )
    figure = forest(
        {"hold-out": rows}, f"accuracy on the hold-out's test part, {results.confidence:.0%} interval"
    )
    return [FigureBlock("fine-tuned", caption, figure, any(results.is_untrained(name) for name in names))]


def _seeds(results: Results) -> list[Block]:
    """Return the accuracy of each seed, and its mean with the interval of the mean."""
    found = results.metrics["seeds"]
    points, rows = [], []
    for name, scores in found.items():
        prefix = "cv_accuracy_seed_"
        each = {key.removeprefix(prefix): value for key, value in scores.items() if key.startswith(prefix)}
        if not each or "cv_accuracy_sd" not in scores:
            continue
        label = results.title(name)
        points += [{"label": label, "seed": seed, "value": value} for seed, value in each.items()]
        rows.append(
            {
                **{
                    "name": name,
                    "label": label,
                    "value": scores["cv_accuracy"],
                    "low": scores["cv_accuracy_low"],
                },
                **{"high": scores["cv_accuracy_high"], "sd": scores["cv_accuracy_sd"]},
                "untrained": results.is_untrained(name),
            }
        )
    if not rows:
        return []
    table = pd.DataFrame(rows).sort_values("value", ascending=False, ignore_index=True)
    place = {label: i for i, label in enumerate(table["label"])}
    figure = forest(
        {"mean": table}, f"accuracy out of fold; mean of the seeds, {results.confidence:.0%} interval"
    )
    figure.add_scatter(
        x=[point["value"] for point in points],
        y=[place[point["label"]] + 0.25 for point in points],
        text=[f"seed {point['seed']}" for point in points],
        hovertemplate="%{text}: %{x}<extra></extra>",
        mode="markers",
        marker={"size": 7, "color": ORANGE, "symbol": "circle-open", "line": {"width": 2}},
        name="a seed",
        showlegend=True,
    )
    legend_above(figure.update_traces(showlegend=True), figure.layout.height)
    widest = table.sort_values("sd").iloc[-1]
    folds = results.models[str(widest["name"])]["cv_accuracy_sd"]
    caption = (
        f"The same {len(table)} models with other seeds: {widest['label']} differs most, standard deviation "
        f"{widest['sd']:.4f} over the seeds, against {folds:.4f} over the folds."
    )
    listed = pd.DataFrame(
        {
            "model": table["label"],
            "accuracy of each seed": [
                ", ".join(f"{point['value']:.3f}" for point in points if point["label"] == label)
                for label in table["label"]
            ],
            "mean": [three(found[name], "cv_accuracy") for name in table["name"]],
            "sd over seeds": table["sd"].map("{:.4f}".format),
            "sd over folds": [f"{results.models[name]['cv_accuracy_sd']:.4f}" for name in table["name"]],
        }
    )
    return [
        FigureBlock("seeds", caption, figure, bool(table["untrained"].any())),
        Details("Seeds as a table", [TableBlock("The same models with other seeds", listed)]),
    ]
