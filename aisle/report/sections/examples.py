"""Products that models get right and wrong, with their pictures and probabilities."""

import pandas as pd

from aisle.report.blocks import Block, Details, Leaf, Paragraph, Section, TableBlock
from aisle.report.data.results import Results
from aisle.report.figures.gallery import gallery
from aisle.report.figures.labels import cut

WRONG = 12
"""Wrong examples shown."""
CATEGORIES = 40
"""Of which a right example is shown, the largest."""
LISTED = 20
"""Hard products that the page lists; reports/evaluation/products.parquet has all."""


def section(results: Results) -> Section:
    """Return examples of the models that are looked at closely, and the products that all get wrong."""
    best, *others = results.shown
    blocks: list[Block] = [*_examples(results, best), *_hard(results)]
    blocks += [
        Details(f"Right and wrong examples of {results.title(name)}, {results.shown[name]}", found)
        for name in others
        if (found := _examples(results, name))
    ]
    return Section("examples", "Right and wrong", blocks)


def _examples(results: Results, name: str) -> list[Leaf]:
    """Return the most confident right product of each category, and the most confident wrong ones."""
    said = results.tables["products"]
    rows = said[(said["model"] == name) & said["available"]]
    rows = rows.sort_values(["predicted_probability", "product_id"], ascending=[False, True])
    wrong_mask = rows["predicted"].astype(str) != rows["category"].astype(str)
    right, wrong = rows[~wrong_mask], rows[wrong_mask]
    title, blocks = results.title(name), []
    if len(right):
        first = right.drop_duplicates("category").sort_values("category")
        of = "each category"
        if len(first) > CATEGORIES:
            largest = rows["category"].astype(str).value_counts().index[:CATEGORIES]
            first, of = first[first["category"].isin(largest)], f"each of the {CATEGORIES} largest categories"
        caption = (
            f"{title}: the most certain right product of {of}; {len(right):,} of {len(rows):,} are "
            "right by the mean of the repeats."
        )
        lines = [
            [str(row.category), f"{row.predicted_probability:.1%}"] for row in first.itertuples(index=False)
        ]
        ids = list(first["product_id"])
        blocks.append(gallery(results, f"right-{name}", caption, ids, lines))
    if wrong.empty:
        return [*blocks, Paragraph(f"{title}: no product is wrong.")]
    shown, surest = wrong.head(WRONG), wrong.iloc[0]
    caption = (
        f"{title}: the most certain {len(shown)} of {len(wrong):,} wrong products; the surest takes "
        f"{surest['category']} for {surest['predicted']} with {surest['predicted_probability']:.1%}."
    )
    return [*blocks, gallery(results, f"wrong-{name}", caption, list(shown["product_id"]), _told(shown))]


def _told(rows: pd.DataFrame) -> list[list[str]]:
    """Return what is said of each wrong product: its category, the three most probable, the repeats right."""
    lines = []
    for row in rows.to_dict("records"):
        ranked = [(row["predicted"], row["predicted_probability"])]
        ranked += [(row[place], row[f"{place}_probability"]) for place in ("second", "third")]
        said = [f"{name} {share:.1%}" for name, share in ranked if isinstance(name, str) and share >= 0.0005]
        lines.append(
            [f"is {row['category']}", f"predicted {said[0]}", *(f"then {each}" for each in said[1:])]
        )
    return lines


def hard(results: Results) -> pd.DataFrame:
    """Return the products that no trained model gets right in any repeat, the most agreed upon first.

    Returns
    -------
    pandas.DataFrame
        product_id, category, taken_for (by most of the models that have input), models (how many those are),
        of (models that have input), probability (mean of those that say so).
    """
    said = results.tables["products"]
    trained = [name for name in results.compared if not results.is_untrained(name)]
    said = said[said["model"].isin(trained) & said["available"]]
    most = said.groupby("product_id", observed=True)["right_share"].max()
    rows = said[said["product_id"].isin(most.index[most == 0])]
    rows = rows.astype({"product_id": str, "category": str, "predicted": str})
    keys = ["product_id", "category"]
    found = rows.groupby([*keys, "predicted"], as_index=False).agg(
        models=("model", "size"), probability=("predicted_probability", "mean")
    )
    found = found.sort_values(["models", "probability", "product_id"], ascending=[False, False, True])
    found["of"] = found.groupby("product_id")["models"].transform("sum")
    return found.drop_duplicates("product_id").rename(columns={"predicted": "taken_for"})


def _hard(results: Results) -> list[Block]:
    rows = hard(results)
    models = sum(not results.is_untrained(name) for name in results.compared)
    if rows.empty:
        return [Paragraph(f"No product is wrong in every repeat of all {models} trained models.")]
    titles = results.products.set_index("product_id")["title"]
    shown = rows.head(LISTED)
    caption = (
        f"{len(rows):,} of {len(results.products):,} products are wrong in every repeat of all trained "
        "models "
        f"that have input for them ({models} models): ambiguous, or wrongly labelled. "
        f"{'All' if len(shown) == len(rows) else f'The {len(shown)} that models agree most about'}:"
    )
    table = pd.DataFrame(
        {
            "product_id": shown["product_id"],
            "title": [cut(titles[key], 80) for key in shown["product_id"]],
            "category": shown["category"],
            "taken for": shown["taken_for"],
            "by models": [f"{n} of {of}" for n, of in zip(shown["models"], shown["of"], strict=True)],
            "mean probability": shown["probability"].map("{:.2f}".format),
        }
    )
    first = shown.head(WRONG)
    lines = [
        [f"is {category}", f"taken for {said}"]
        for category, said in zip(first["category"], first["taken_for"], strict=True)
    ]
    caption_of_first = f"The first {len(first)} of these products."
    pictures = gallery(results, "hard", caption_of_first, list(first["product_id"]), lines)
    blocks: list[Block] = [TableBlock(caption, table)]
    return blocks if isinstance(pictures, TableBlock) else [*blocks, pictures]
