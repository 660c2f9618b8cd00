"""The texts: preprocessing step by step, lengths, terms by count and by TF-IDF, word clouds."""

from collections.abc import Sequence
from html import escape

import numpy as np
import pandas as pd

from aisle.catalogue.exploration.word_clouds import HEIGHT, WIDTH
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
from aisle.report.colour import on_both
from aisle.report.data.results import Results
from aisle.report.figures.boxes import boxes, medians
from aisle.report.figures.labels import cut, label
from aisle.report.style import colours, styled

STEPS = {
    "raw": "as it came, without HTML",
    "clean": "lower case, without punctuation",
    "tokens": "split into words, stop words removed",
    "lemmas": "each word in its dictionary form",
    "stems": "each word cut to its stem",
}
"""Form of a text to what has been done to it."""
NEUTRAL = "#3F7CAC"
"""Of what stands for no category."""
GREY = "#8A8F98"
"""Of a word that leads in no category."""
TOP = 25
"""Terms in the bars."""
LISTED = 10
"""Terms per category in the table."""
COMPARED = 50
"""The most frequent terms, whose ranks by count and by TF-IDF are compared in words."""
KINDS = {"count": "by count (bag of words)", "tfidf": "by TF-IDF"}


def section(results: Results) -> Section:
    """Return the steps, the words before and after, the terms and the word clouds."""
    blocks: list[Block] = [
        _steps(results),
        _words_table(results),
        _scripts(results),
        _words_figure(results),
        *_lengths(results),
    ]
    if results.exploration["terms"].empty:
        blocks.append(Paragraph("No text has a word."))
    else:
        clouds = _clouds(results)
        blocks += [_ranks(results), _top(results), _against(results), *clouds, _per_category(results)]
    return Section("text", "The texts", blocks)


def _steps(results: Results) -> TableBlock | Paragraph:
    steps = results.exploration["preprocessing"]
    if steps.empty:
        return Paragraph("No product has a text that has words left after preprocessing.")
    table = pd.DataFrame(
        {
            "form": steps["form"] + ": " + steps["form"].map(STEPS),
            "words": steps["words"],
            "text": steps["text"].map(lambda text: cut(text, 600)),
        }
    )
    by_form = steps.set_index("form")["words"]
    title = results.products.set_index("product_id").loc[steps["product_id"].iloc[0], "title"]
    caption = (
        f"Preprocessing step by step: the {steps['field'].iloc[0]} of “{cut(title, 80)}”, "
        f"{by_form['raw']} words of which {by_form['tokens']} are left."
    )
    return TableBlock(caption, table)


def _words_table(results: Results) -> TableBlock:
    text = results.metrics["text"]
    rows = [
        {
            "text": field,
            "words before": f"{text[f'{field}_words_before']:,}",
            "words after": f"{text[f'{field}_words_after']:,}",
            "reduction": f"{text[f'{field}_reduction']:.1%}",
            "letters lost": f"{text[f'{field}_letters_lost_share']:.1%}",
            "most letters lost": f"{text[f'{field}_mostly_lost']:,} texts",
            "distinct lemmas": f"{text[f'{field}_vocabulary']:,}",
        }
        for field in ("title", "description", "specifications")
    ]
    return TableBlock("Words before and after cleaning and removing stop words", pd.DataFrame(rows))


def _scripts(results: Results) -> Paragraph:
    """Return in which scripts the texts are written: preprocessing knows the words of English alone."""
    shares = {
        name.removeprefix("script_").removesuffix("_share"): share
        for name, share in results.metrics["text"].items()
        if name.startswith("script_") and share
    }
    largest = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
    said = ", ".join(f"{name.capitalize()} {share:.1%}" for name, share in largest)
    return Paragraph(f"Scripts, by share of the letters: {said or 'no letters'}.")


def _words_figure(results: Results) -> FigureBlock:
    import plotly.graph_objects as go

    histograms, table = results.exploration["histograms"], results.exploration["distributions"]
    traces, medians_ = [], {}
    for when, colour in (("before", NEUTRAL), ("after", "#D55E00")):
        rows = histograms[histograms["measure"].eq(f"description_{when}")]
        traces.append(
            go.Bar(
                x=(rows["left"] + rows["right"]) / 2,
                y=rows["count"],
                width=rows["right"] - rows["left"],
                name=f"{when} preprocessing",
                opacity=0.65,
                marker_color=colour,
                customdata=rows["left"].astype(str) + " to " + (rows["right"] - 1).astype(str),
                hovertemplate="%{customdata} words: %{y:,} products<extra></extra>",
            )
        )
        found = table[table["measure"].eq(f"description_{when}") & table["category"].eq("")]
        medians_[when] = found["median"].iloc[0]
    caption = (
        f"A description has {medians_['before']:.0f} words (median) before preprocessing and "
        f"{medians_['after']:.0f} after."
    )
    layout = {
        "barmode": "overlay",
        "bargap": 0,
        "xaxis_title": "words in a description",
        "yaxis_title": "products",
    }
    return FigureBlock("words", caption, styled(go.Figure(traces, layout=layout)))


def _lengths(results: Results) -> list[Block]:
    table = results.exploration["distributions"]
    categories = list(results.products["category"].unique())
    figures = []
    for field in ("title", "description", "specifications"):
        rows = table[table["measure"].eq(f"{field}_before")]
        caption = medians(rows, f"Words in the {field}", 0)
        figures.append(boxes(f"length-{field}", rows, caption, f"words in the {field}", categories))
    title, description, specifications = figures
    other = Details("Length of names and of specifications by category", [title, specifications])
    return [description, other]


def _overall(results: Results) -> pd.DataFrame:
    terms = results.exploration["terms"]
    return terms[terms["category"].eq("")]


def _ranks(results: Results) -> FigureBlock:
    import plotly.graph_objects as go

    table = results.exploration["term_frequencies"]
    points = go.Scatter(
        x=table["rank"],
        y=table["count"],
        mode="lines+markers",
        text=table["term"].map(label),
        marker={"size": 5, "color": NEUTRAL},
        line={"color": NEUTRAL},
        hovertemplate="%{text}: rank %{x:,}, %{y:,} times<extra></extra>",
    )
    caption = (
        f"{table['rank'].max():,} distinct terms in names and descriptions; the most frequent, "
        f"{table['term'].iloc[0]}, occurs {table['count'].iloc[0]:,} times"
    )
    if len(table) > 2:
        slope = np.polyfit(np.log(table["rank"]), np.log(table["count"]), 1)[0]
        caption += f". The count falls with the rank to the power of {slope:.2f} (Zipf's law: -1)"
    layout = {
        "xaxis": {"title": "rank of the term, log scale", "type": "log", "dtick": 1},
        "yaxis": {"title": "occurrences, log scale", "type": "log", "dtick": 1},
    }
    return FigureBlock("term-ranks", f"{caption}.", styled(go.Figure(points, layout=layout)))


def _top(results: Results) -> FigureBlock:
    import plotly.graph_objects as go

    terms = _overall(results).sort_values("rank_count").head(TOP)
    first = terms.iloc[0]
    caption = (
        f"The {len(terms)} most frequent terms; {first['term']} is in {first['products']:,} of "
        f"{len(results.products):,} products ({first['products'] / len(results.products):.1%})."
    )
    bars = go.Bar(
        x=terms["count"][::-1],
        y=terms["term"].map(lambda term: label(term, 20))[::-1],
        orientation="h",
        marker_color=NEUTRAL,
        customdata=terms["products"][::-1],
        hovertemplate="%{y}: %{x:,} times in %{customdata:,} products<extra></extra>",
    )
    figure = styled(go.Figure(bars, layout={"xaxis_title": "occurrences"}), 110 + 22 * len(terms))
    figure.update_yaxes(type="category")  # a term may be a number
    return FigureBlock("top-terms", caption, figure)


def _against(results: Results) -> FigureBlock:
    import plotly.graph_objects as go

    terms = _overall(results).sort_values("rank_count")
    frequent = terms.head(COMPARED)
    gain = (frequent["rank_count"] - frequent["rank_tfidf"]).to_numpy()
    order = np.argsort(-gain, kind="stable")
    up = [frequent["term"].iloc[i] for i in order[:3] if gain[i] > 0]
    down = [frequent["term"].iloc[i] for i in order[::-1][:3] if gain[i] < 0]
    named = {*up, *down, *terms["term"].head(2)}
    points = go.Scatter(
        x=terms["count"],
        y=terms["tfidf"].round(6),
        mode="markers+text",
        text=[label(term, 16) if term in named else "" for term in terms["term"]],
        textposition="top center",
        customdata=terms["term"].map(label),
        marker={"size": 7, "color": NEUTRAL, "opacity": 0.7},
        hovertemplate="%{customdata}: %{x:,} times, mean TF-IDF %{y:.4f}<extra></extra>",
    )
    caption = f"TF-IDF against counts, {len(terms):,} terms."
    if up and down:
        caption += (
            f" Of the {len(frequent)} most frequent, {_listed(up)} rise most when weighted by TF-IDF and "
            f"{_listed(down)} fall most: the more texts have a term, the less it weighs."
        )
    layout = {
        "xaxis": {"title": "occurrences, log scale", "type": "log"},
        "yaxis": {"title": "mean TF-IDF, log scale", "type": "log"},
    }
    return FigureBlock("tfidf-counts", caption, styled(go.Figure(points, layout=layout), 480))


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def _clouds(results: Results) -> list[PicturesBlock | Details]:
    clouds = results.exploration["word_clouds"]
    terms = results.exploration["terms"]
    colour = colours(list(results.products["category"].unique()))
    heaviest = terms[terms["category"].ne("")].sort_values(["tfidf", "category"])
    owner = heaviest.drop_duplicates("term", keep="last").set_index("term")["category"]
    made: dict[str, list[Picture]] = {}
    for keys, words in clouds.groupby(["category", "kind"], sort=True):
        category, kind = map(str, keys)
        name = category or "All products"
        first = ", ".join(words["word"].head(5))
        alternative = f"Word cloud of {name}, {KINDS[kind]}: {first}"
        belongs = words["word"].map(owner) if not category else pd.Series(category, index=words.index)
        shades = belongs.map(colour).fillna(GREY)
        picture = Picture(svg(words.assign(colour=shades)), alternative, (name, KINDS[kind]))
        made.setdefault(category, []).append(picture)
    overall = made.pop("", [])
    terms = _overall(results)
    lists = [set(terms.loc[terms[f"rank_{kind}"] <= TOP, "term"]) for kind in KINDS]
    caption = (
        f"The heaviest terms of all: {len(lists[0] & lists[1])} of the first {len(lists[0])} are the "
        "same by count and by TF-IDF. A word has the colour of the category where it is heaviest."
    )
    each = [picture for pictures in made.values() for picture in pictures]
    return [
        PicturesBlock("word-clouds", caption, overall, width=400),
        Details(
            f"Word clouds of the {len(made)} categories",
            [
                PicturesBlock(
                    "category-clouds", f"{len(each)} word clouds: {_owned(results)}", each, width=400
                )
            ],
        ),
    ]


def _owned(results: Results) -> str:
    """Return how many terms are among the first of several categories."""
    terms = results.exploration["terms"]
    heads = terms[terms["category"].ne("") & terms["rank_count"].le(LISTED)]
    shared = heads.groupby("term").size().gt(1).sum()
    return (
        f"{shared} of the {heads['term'].nunique()} terms that are among the {LISTED} most frequent of a "
        "category are so in several."
    )


def svg(words: pd.DataFrame) -> bytes:
    """Return a word cloud as SVG; transparent, to be seen on light and on dark.

    Parameters
    ----------
    words
        Of one cloud, as in reports/exploration/word_clouds.parquet, with a column colour. A colour that
        could not be seen is made darker or lighter. A word has its `length` whatever fonts the reader has.
    """
    lines = []
    for word in words.to_dict("records"):
        x, y = word["x"], word["y"]
        turn = f' transform="rotate(-90 {x} {y})"' if word["vertical"] else ""
        lines.append(
            f'<text x="{x}" y="{y}" font-size="{word["size"]}" textLength="{word["length"]:g}" '
            f'lengthAdjust="spacingAndGlyphs" fill="{on_both(word["colour"])}"{turn}>'
            f"{escape(word['word'])}</text>"
        )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="DejaVu Sans, Verdana, sans-serif">'
    )
    return "\n".join([head, *lines, "</svg>"]).encode()


def _per_category(results: Results) -> TableBlock:
    terms = results.exploration["terms"]
    rows = [
        {
            "category": category or "all",
            **{
                text: ", ".join(found.sort_values(f"rank_{kind}")["term"].head(LISTED))
                for kind, text in KINDS.items()
            },
        }
        for category, found in terms.groupby("category", sort=True)
    ]
    return TableBlock(f"The first {LISTED} terms of each category", pd.DataFrame(rows))
