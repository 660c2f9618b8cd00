"""How far the figures can be trusted: leaks and labels; and which model is chosen for use."""

import pandas as pd

from aisle.report.blocks import Block, Details, FigureBlock, Paragraph, Section, TableBlock
from aisle.report.data.results import Results
from aisle.report.figures.charts import BLUE, GREEN, GREY, ORANGE, forest, legend_above, wrapped
from aisle.report.figures.gallery import gallery
from aisle.report.figures.labels import cut
from aisle.report.sections.answer import three

LISTED = 20
"""Suspect labels that the page shows; the file has all."""
PICTURES = 12
"""Of these with their pictures."""


def section(results: Results) -> Section:
    """Return the champion, the leakage check and the label audit."""
    blocks: list[Block] = [
        *_champion(results),
        _leakage(results),
        *_optimism(results),
        *_labels(results),
    ]
    return Section("checks", "Checks, and the model to use", blocks)


def _champion(results: Results) -> list[Block]:
    found = results.metrics["champion"]
    text = (
        f"Champion: {results.title(found['champion'])}, accuracy {three(found, 'champion_accuracy')}, "
        f"{found['champion_megabytes']:.1f} MB to ship. {found['tied']} of "
        f"{found['candidates']} models are tied with the best, {results.title(found['best'])}; "
        "the smallest package of them is chosen, of those that may decide products alone if any may."
    )
    return [Paragraph(text), _cost(results)]


def _cost(results: Results) -> FigureBlock:
    """Return accuracy against megabytes; a whisker that reaches the line is a tie."""
    import plotly.graph_objects as go

    found, rows = results.metrics["champion"], results.candidates
    errors, best = found["standard_errors"], rows["accuracy"].max()
    tied = rows["tied"].astype(str) == "True"
    figure = go.Figure()
    for name, kept, colour in (("tied with the best", tied, BLUE), ("behind", ~tied, GREY)):
        part = rows[kept]
        figure.add_scatter(
            x=part["megabytes"].round(3),
            y=part["accuracy"].round(4),
            error_y={
                **{"array": (errors * part["standard_error"]).round(5), "arrayminus": [0] * len(part)},
                **{"symmetric": False, "color": colour, "thickness": 1.5, "width": 4},
            },
            text=[results.title(each) for each in part["model"]],
            hovertemplate="%{text}<br>%{x:.1f} MB, accuracy %{y:.3f}<extra></extra>",
            mode="markers",
            name=name,
            marker={"size": 9, "color": colour},
        )
    for role, symbol, colour in (("champion", "star", ORANGE), ("challenger", "diamond", GREEN)):
        part = rows[rows["role"].astype(str) == role]
        figure.add_scatter(
            x=part["megabytes"].round(3),
            y=part["accuracy"].round(4),
            mode="markers",
            name=f"{role}: {wrapped(', '.join(results.title(each) for each in part['model']), 34)}",
            marker={"size": 15, "symbol": symbol, "color": colour},
            hoverinfo="skip",
        )
    figure.add_hline(
        y=best,
        line={"dash": "dot", "color": GREY},
        annotation_text="the best",
        annotation_position="top left",
    )
    figure.update_layout(
        xaxis={"title": "package, MB", "type": "log"},
        yaxis={"title": "accuracy, out of fold", "tickformat": ".2f"},
    )
    behind = found["champion_behind"]
    place = f"is {behind:.4f} behind it" if found["champion"] != found["best"] else "is the best itself"
    caption = (
        f"Accuracy against what is to be shipped, of {len(rows)} candidates from "
        f"{rows['megabytes'].min():.1f} "
        f"to {rows['megabytes'].max():.1f} MB. A whisker is {errors:g} standard error of the difference to "
        "the "
        f"best: where it reaches the line the model is tied ({int(tied.sum())} of {len(rows)}). The champion "
        f"{place}."
    )
    return FigureBlock("champion-cost", caption, legend_above(figure, 420))


def _leakage(results: Results) -> TableBlock:
    found = results.metrics["leakage"]
    verdicts = {True: "suspected", False: "no sign"}
    duplicates = f"{found['pairs_across_folds']:,} of {found['pairs']:,} pairs are on both sides of a split"
    path = f"{found['path_share']:.1%} of products"
    names = "; ".join(
        f"{field}: {found[f'name_{field}']:.1%}, {found[f'name_{field}_other']:.1%} by chance"
        for field in ("title", "description", "specifications")
    )
    rows = [
        ("duplicates across folds", verdicts[found["duplicates_suspected"]], duplicates),
        ("category's name in the text, share of products", verdicts[found["name_suspected"]], names),
        ("category path in the text", verdicts[found["path_suspected"]], path),
        (
            "one word tells the category",
            verdicts[found["word_suspected"]],
            f"best word's F1, median of the categories: {found['word_f1']:.2f}",
        ),
    ]
    return TableBlock("Leakage check", pd.DataFrame(rows, columns=["check", "verdict", "found"]))


def _optimism(results: Results) -> list[Block]:
    """Return how much folds that ignore near-duplicates would flatter, with intervals; and as a table."""
    found = results.metrics["leakage"]
    prefix = "accuracy_ungrouped_"
    names = [key.removeprefix(prefix) for key in found if key.startswith(prefix)]
    names = [
        name for name in names if name in results.compared and found[f"accuracy_ungrouped_{name}"] is not None
    ]
    if not names:
        return []
    table = pd.DataFrame(
        [
            {
                "model": results.title(name),
                "near-duplicates kept together": f"{results.models[name]['cv_accuracy']:.3f}",
                "folds that ignore them": f"{found[f'accuracy_ungrouped_{name}']:.3f}",
                "flattered by": three(found, f"optimism_{name}"),
            }
            for name in names
        ]
    )
    rows = pd.DataFrame(
        [
            {
                **{"label": results.title(name), "value": found[f"optimism_{name}"]},
                **{"low": found[f"optimism_{name}_low"], "high": found[f"optimism_{name}_high"]},
                "untrained": results.is_untrained(name),
            }
            for name in names
        ]
    )
    most = rows.sort_values("value").iloc[-1]
    sure = int((rows["low"] > 0).sum())
    caption = (
        f"Accuracy gained if near-duplicates stood on both sides of a split: most for {most['label']}, "
        f"{most['value']:+.3f} [{most['low']:+.3f}, {most['high']:+.3f}]; for {sure} of {len(rows)} models "
        "the "
        "interval lies above 0 (Nadeau-Bengio)."
    )
    figure = forest({"optimism": rows}, "accuracy, folds that ignore near-duplicates minus ours", zero=True)
    name = "What near-duplicates on both sides of a split would do to accuracy"
    return [
        FigureBlock("optimism", caption, figure, bool(rows["untrained"].any())),
        Details("The same as a table", [TableBlock(name, table)]),
    ]


def _labels(results: Results) -> list[Block]:
    found, rows = results.metrics["label_audit"], results.label_issues
    if "issues" not in found:
        return []
    text = (
        f"cleanlab, on the out-of-fold probabilities of {results.title(found['model'])}, takes "
        f"{found['issues']:,} of {found['products']:,} labels for wrong."
    )
    if found.get("known_errors"):
        text += (
            f" Of the {found['known_errors']} that are known to be wrong it finds {found['recall']:.0%}, "
            f"and {found['precision']:.0%} of those it flags are known."
        )
    suspect = rows[rows["is_issue"].astype(str) == "True"]
    if suspect.empty:
        return [Paragraph(text)]
    shown, first = suspect.head(LISTED), suspect.head(PICTURES)
    lines = [
        [f"given: {row.category}", f"suggested: {row.suggested}, {row.p_suggested:.0%}"]
        for row in first.itertuples(index=False)
    ]
    one = first.iloc[0]
    caption = (
        f"The {len(first)} labels most likely wrong, the most suspect first: given as {one['category']} with "
        f"probability {one['p_category']:.1%}, {one['suggested']} has {one['p_suggested']:.1%}."
    )
    pictures = gallery(results, "label-audit", caption, list(first["product_id"]), lines)
    table = shown[["product_id", "title", "category", "suggested"]].assign(title=shown["title"].map(cut))
    return [Paragraph(text), pictures, TableBlock(f"The {len(table)} labels most likely wrong", table)]
