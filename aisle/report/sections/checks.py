"""How far the figures can be trusted: seeds, leaks, labels; and which model is chosen for use."""

import pandas as pd

from aisle.report.blocks import Block, Paragraph, Section, TableBlock
from aisle.report.results import Results
from aisle.report.sections.answer import three

LISTED = 20
"""Suspect labels that the page shows; the file has all."""


def section(results: Results) -> Section:
    """Return the champion, the spread over seeds, the leakage check and the label audit."""
    blocks: list[Block] = [_champion(results), _leakage(results), _optimism(results), *_labels(results)]
    if results.metrics["seeds"]:
        blocks.insert(1, _seeds(results))
    return Section("checks", "Checks, and the model to use", blocks)


def _champion(results: Results) -> Paragraph:
    found = results.metrics["champion"]
    return Paragraph(
        f"Champion: {results.title(found['champion'])}, accuracy {three(found, 'champion_accuracy')}, "
        f"{found['champion_megabytes']:.1f} MB to ship. {found['tied']} of "
        f"{found['candidates']} models are tied with the best, {results.title(found['best'])}; "
        "the smallest package of them is chosen."
    )


def _seeds(results: Results) -> TableBlock:
    rows = []
    for name, scores in results.metrics["seeds"].items():
        each = [value for key, value in scores.items() if key.startswith("cv_accuracy_seed_")]
        rows.append(
            {
                "model": results.title(name),
                "accuracy of each seed": ", ".join(f"{value:.3f}" for value in each),
                "mean": three(scores, "cv_accuracy"),
                "sd over seeds": f"{scores['cv_accuracy_sd']:.4f}",
                "sd over folds": f"{results.models[name]['cv_accuracy_sd']:.4f}",
            }
        )
    return TableBlock("The same models with other seeds", pd.DataFrame(rows))


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


def _optimism(results: Results) -> TableBlock:
    found = results.metrics["leakage"]
    prefix = "accuracy_ungrouped_"
    names = [key.removeprefix(prefix) for key in found if key.startswith(prefix)]
    rows = [
        {
            "model": results.title(name),
            "near-duplicates kept together": f"{results.models[name]['cv_accuracy']:.3f}",
            "folds that ignore them": f"{found[f'accuracy_ungrouped_{name}']:.3f}",
            "flattered by": three(found, f"optimism_{name}"),
        }
        for name in names
        if name in results.compared and found[f"accuracy_ungrouped_{name}"] is not None
    ]
    return TableBlock(
        "What near-duplicates on both sides of a split would do to accuracy", pd.DataFrame(rows)
    )


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
    table = rows.query("is_issue").head(LISTED)[["product_id", "title", "category", "suggested"]]
    return [Paragraph(text), TableBlock(f"The {len(table)} labels most likely wrong", table)]
