"""Text and picture together: against one of them, and where one is missing."""

import pandas as pd

from aisle.report.blocks import Block, Details, FigureBlock, Paragraph, Section, TableBlock
from aisle.report.data.results import Results
from aisle.report.figures.charts import forest, wrapped
from aisle.report.sections import modalities
from aisle.report.sections.answer import compared, three, verdict

FEW = 30
"""Products below which a share is told without an interval's worth."""


def section(results: Results) -> Section:
    """Return the models of text and picture."""
    blocks = [*_gain(results), *modalities.moved(results), *modalities.weights(results), *_missing(results)]
    nothing = [Paragraph("No model of text and picture has been cross-validated.")]
    return Section("fusion", "Text and picture together", blocks or nothing)


def single_reference(results: Results) -> str | None:
    """Return the model of one modality that the others are compared with, or None if none are compared."""
    if not any("cv_over_single" in scores for scores in results.compared.values()):
        return None
    missing = [name for name, scores in results.compared.items() if "cv_over_single" not in scores]
    return next((name for name in missing if len(results.modalities[name]) == 1), None)


def _differences(results: Results, names: list[str], key: str) -> dict[str, dict[str, float]]:
    found = {name: compared(results.models[name], key) for name in names}
    return {name: each for name, each in found.items() if each}


def _gain(results: Results) -> list[Block]:
    """Return the models of both against the best model of one modality, and against the baseline."""
    reference = single_reference(results)
    both = [name for name in results.compared if len(results.modalities[name]) > 1]
    if reference is None or not both:
        return []
    both.sort(key=lambda name: results.models[name]["cv_over_single"], reverse=True)
    against = {"cv_over_single": f"the best of one modality: {results.title(reference)}"}
    if reference != results.baseline:
        against["cv_gain"] = f"the baseline: {results.title(results.baseline)}"
    found = {key: _differences(results, both, key) for key in against}
    groups = {}
    for key, name in against.items():
        rows = pd.DataFrame.from_dict(found[key], orient="index").rename(
            columns={"": "value", "_low": "low", "_high": "high"}
        )
        rows["label"] = [results.title(each) for each in rows.index]
        rows["untrained"] = [results.is_untrained(each) for each in rows.index]
        groups[wrapped(f"against {name}", 42)] = rows
    over = found["cv_over_single"]
    better = sum(each["_p_holm"] < 1 - results.confidence and each[""] > 0 for each in over.values())
    caption = (
        f"{better} of {len(both)} models of text and picture are better than {results.title(reference)}, the "
        f"best model of one modality (Holm's p below {1 - results.confidence:.2g}); the most accurate, "
        f"{results.title(both[0])}, is {verdict(over[both[0]], results.confidence, 'it')}."
    )
    figure = forest(groups, f"difference in accuracy, {results.confidence:.0%} interval", zero=True)
    table = pd.DataFrame(
        [
            {"model": results.title(name), "accuracy": three(results.models[name], "cv_accuracy")}
            | {
                f"against {against[key]}": verdict(found[key][name], results.confidence, "it")
                for key in against
            }
            for name in both
        ]
    )
    untrained = any(results.is_untrained(name) for name in both)
    return [
        FigureBlock("fusion-gain", caption, figure, untrained),
        Details("The same as a table, with p", [TableBlock("Text and picture against one of them", table)]),
    ]


def _missing(results: Results) -> list[Block]:
    """Return accuracy on products that lack a picture, or text."""
    counts: dict[str, int] = {}
    for word in ("picture", "text"):
        found = [scores.get(f"products_without_{word}", 0) for scores in results.compared.values()]
        if max(found, default=0):
            counts[word] = max(found)
    if not counts:
        return []
    rows = [
        {"model": results.title(name), "all products": f"{scores['cv_accuracy']:.3f}"}
        | {
            f"without {word}": f"{scores.get(f'cv_accuracy_without_{word}', float('nan')):.3f}"
            for word in counts
        }
        for name, scores in results.compared.items()
    ]
    best = results.models[results.best]
    told = "; ".join(
        f"of {count:,} without {word} {results.title(results.best)} puts "
        f"{best.get(f'cv_accuracy_without_{word}', float('nan')):.1%} into the right category"
        for word, count in counts.items()
    )
    few = f" Fewer than {FEW} products: read nothing into differences." if min(counts.values()) < FEW else ""
    table = TableBlock(f"Accuracy where an input is missing: {told}.{few}", pd.DataFrame(rows))
    return [Details("Accuracy on products that lack a picture or text", [table])]
