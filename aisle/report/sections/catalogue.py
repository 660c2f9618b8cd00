"""What came in: products, refused rows, words, near-duplicates."""

import pandas as pd

from aisle.report.blocks import FigureBlock, Paragraph, Section, TableBlock
from aisle.report.results import Results
from aisle.report.style import colours, styled


def section(results: Results) -> Section:
    """Return counts, categories, refused rows, words before and after, near-duplicates."""
    ingest, images, folds = (results.metrics[name] for name in ("ingest", "images", "folds"))
    facts = {
        "rows in the table": ingest["rows"],
        "products": ingest["products"],
        "refused rows": ingest["refused"],
        "without a readable picture": ingest["products"] - images["readable"],
        "without a description": ingest["without_description"],
        "without a brand": ingest["without_brand"],
        "categories": ingest["categories"],
        "depth of the category paths": f"{ingest['path_depth_min']} to {ingest['path_depth_max']}",
        "near-duplicate pairs by text": folds["text_pairs"],
        "near-duplicate pairs by picture": folds["picture_pairs"],
        "products in groups of near-duplicates": folds["products_in_groups_of_several"],
        "largest group of near-duplicates": folds["largest_group"],
        "groups across categories": folds["groups_across_categories"],
    }
    return Section(
        "catalogue",
        "The catalogue",
        [
            TableBlock("What came in", pd.DataFrame(facts.items(), columns=["", "count"])),
            _categories(results),
            _refused(results),
            _words_table(results),
            _words_figure(results),
        ],
    )


def _categories(results: Results) -> FigureBlock:
    import plotly.graph_objects as go

    sizes = results.products["category"].value_counts().sort_index()
    colour = colours(list(sizes.index))
    bars = go.Bar(
        x=sizes.to_numpy(), y=list(sizes.index), orientation="h", marker_color=list(colour.values())
    )
    caption = (
        f"{len(sizes)} categories; the smallest has {sizes.min():,} products, the largest {sizes.max():,}."
    )
    return FigureBlock("categories", caption, styled(go.Figure(bars, layout={"xaxis_title": "products"})))


def _refused(results: Results) -> TableBlock | Paragraph:
    if results.rejects.empty:
        return Paragraph("No row of the table was refused.")
    return TableBlock(f"Refused rows: {len(results.rejects)}, the first 20", results.rejects.head(20))


def _words_table(results: Results) -> TableBlock:
    text = results.metrics["text"]
    rows = [
        {
            "text": field,
            "words before": f"{text[f'{field}_words_before']:,}",
            "words after": f"{text[f'{field}_words_after']:,}",
            "reduction": f"{text[f'{field}_reduction']:.1%}",
            "distinct lemmas": f"{text[f'{field}_vocabulary']:,}",
        }
        for field in ("title", "description", "specifications")
    ]
    return TableBlock("Words before and after cleaning and removing stop words", pd.DataFrame(rows))


def _words_figure(results: Results) -> FigureBlock:
    import plotly.graph_objects as go

    words = results.text_statistics.query("field == 'description'")
    traces = [
        go.Histogram(x=words[f"words_{when}"], name=when, opacity=0.6, nbinsx=60)
        for when in ("before", "after")
    ]
    before, after = words["words_before"].median(), words["words_after"].median()
    caption = f"A description has {before:.0f} words (median) before preprocessing and {after:.0f} after."
    layout = {"barmode": "overlay", "xaxis_title": "words in a description", "yaxis_title": "products"}
    return FigureBlock("words", caption, styled(go.Figure(traces, layout=layout)))
