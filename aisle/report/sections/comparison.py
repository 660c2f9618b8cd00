"""Pretrained picture encoders against each other, and every model's accuracy against its size."""

import math
import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from aisle.pretrained.status import ABSENT, UNTRAINED
from aisle.report.blocks import Block, FigureBlock, Paragraph, Section, TableBlock
from aisle.report.data.results import Results
from aisle.report.style import styled, with_interval, with_sd

STUDIED = ("vgg16", "clip")
"""The two that the study set against each other."""
SYMBOLS = {"text": "circle", "picture": "square", "text and picture": "diamond", "champion": "star"}
"""Shapes, not colours: on this page a colour is a category."""
COSTS = ("million parameters", "MB", "MB of the official file", "pictures per second")
"""Cells of a backbone that say what it costs; the others say how good it is."""


def section(results: Results) -> Section:
    """Return VGG16 against CLIP, the backbones, and accuracy against size."""
    how = (
        "A backbone's row shows the best of the models on it that was not fused with text: by the "
        "cross-validated accuracy where there is one, else on the hold-out's test part, which other products "
        "make up. Megabytes (10^6 bytes) and parameters are those of the model that the pipeline runs, in "
        "single precision, without a head; CLIP's count both of its encoders, of pictures and of texts. "
        "Pictures per second are no output of the pipeline, for outputs may not depend on the machine: they "
        "were measured on random weights by tools/bench_encoders.py, on two cores, which leaves "
        "docs/benchmarks/encoders.json; how long heads take to train is in docs/benchmarks/training.json."
    )
    rows = [_row(results, entry) for entry in results.backbones.to_dict("records")]
    rows.sort(key=lambda row: row["order"], reverse=True)
    blocks: list[Block] = []
    if rows:
        blocks.append(Paragraph(how))
        by_name = {row["backbone"]: row for row in rows}
        if all(name in by_name for name in STUDIED):
            blocks.append(_against(*(by_name[name] for name in STUDIED)))
        blocks += [_backbones(rows), _costs(rows)]
    if len(results.candidates):
        blocks.append(_sizes(results))
    return Section("comparison", "Backbones, accuracy and size", blocks)


def _row(results: Results, entry: dict[Any, Any]) -> dict[str, Any]:
    """Return a backbone's figures; `order` is that of the table."""
    scores = {
        name: results.models[name]
        for name, weights in results.backbone_models.items()
        if weights == entry["weights"] and name in results.models
    }

    def rank(name: str) -> tuple[bool, float]:
        compared = "cv_accuracy" in scores[name]
        return compared, float(scores[name]["cv_accuracy" if compared else "holdout_accuracy"])

    best = max(scores, key=rank, default=None)
    protocol = "" if best is None else "cv" if "cv_accuracy" in scores[best] else "holdout"
    sets = {name: results.metrics[f"cluster/{name}"] for name in entry["feature_sets"]}
    scored = {name: each for name, each in sets.items() if each["ari"] is not None}
    ari = max(scored, key=lambda name: scored[name]["ari"], default=None)
    published = [each["published_ari"] for each in sets.values() if each.get("published_ari") is not None]
    return {
        "order": (False, -1.0) if best is None else rank(best),
        "backbone": entry["weights"],
        "kind": entry["kind"],
        "ari": None if ari is None else scored[ari]["ari"],
        "per_second": entry["per_second"],
        "accuracy": None if best is None else scores[best][f"{protocol}_accuracy"],
        "cells": {
            "weights": entry["kind"],
            "ARI": "" if ari is None else with_sd(scored[ari]["ari"], scored[ari]["ari_sd"]),
            "published ARI": ", ".join(f"{value:.3f}" for value in published),
            "best model": "" if best is None else results.title(best),
            "protocol": {"cv": "cross-validation", "holdout": "hold-out"}.get(protocol, ""),
            **{
                title: "" if best is None else _interval(scores[best], f"{protocol}_{score}")
                for title, score in (("accuracy", "accuracy"), ("macro-F1", "macro_f1"))
            },
            "million parameters": _figure(entry["parameters"] / 1e6, 1),
            "MB": _figure(entry["megabytes"], 1),
            "MB of the official file": _figure(entry["official_megabytes"], 0),
            "pictures per second": _figure(entry["per_second"], 0),
        },
    }


def _figure(value: float, digits: int) -> str:
    return "" if math.isnan(value) else f"{value:.{digits}f}"


def _interval(scores: dict[str, Any], name: str) -> str:
    return with_interval(scores[name], scores[f"{name}_low"], scores[f"{name}_high"])


def _missing(rows: list[dict[str, Any]]) -> str:
    """Return what a caption says of absent and untrained weights."""
    told = ""
    for kind, text in (
        (ABSENT, "weights are not available here, so nothing is said of"),
        (UNTRAINED, "random weights, whose scores say nothing of the architecture"),
    ):
        if names := [row["backbone"] for row in rows if row["kind"] == kind]:
            told += f" {text[0].upper()}{text[1:]}: {', '.join(names)}."
    return told


def _backbones(rows: list[dict[str, Any]]) -> TableBlock:
    trained = [row for row in rows if row["kind"] == "pretrained" and row["accuracy"] is not None]
    caption = f"{len(rows)} backbones: "
    if trained:
        best = trained[0]
        cells = best["cells"]
        among = "only one" if len(trained) == 1 else f"most accurate of the {len(trained)}"
        caption += (
            f"{best['backbone']} is the {among} with pretrained weights and a model "
            f"({cells['accuracy']}, {cells['protocol']}, {cells['MB']} MB)."
        )
    else:
        caption += "none has pretrained weights and a model."
    caption += _missing(rows)
    shown = [row for row in rows if row["kind"] != ABSENT]
    return TableBlock(caption, _table(shown, [name for name in rows[0]["cells"] if name not in COSTS]))


def _costs(rows: list[dict[str, Any]]) -> TableBlock:
    """Return size and speed, which do not depend on the catalogue."""
    speed = {row["backbone"]: row["per_second"] for row in rows if not math.isnan(row["per_second"])}
    caption = "Size and speed of the backbones."
    if speed:
        fast, slow = max(speed, key=lambda name: speed[name]), min(speed, key=lambda name: speed[name])
        caption = (
            f"Size and speed of the backbones: {fast} encodes {speed[fast]:,.0f} pictures per second, "
            f"{slow} {speed[slow]:,.0f}."
        )
    return TableBlock(caption, _table(rows, COSTS))


def _table(rows: list[dict[str, Any]], names: Sequence[str]) -> pd.DataFrame:
    """Return a row per backbone with the named cells, each figure on one line; without columns of nothing."""
    told = [name for name in names if any(row["cells"][name] for row in rows)]
    return pd.DataFrame(
        [{"backbone": row["backbone"], **{name: _line(row["cells"][name]) for name in told}} for row in rows],
        columns=["backbone", *told],
    )


def _line(cell: str) -> str:
    """Return a figure with its spread on one line; other text as it is."""
    return re.sub(r" (?=±|\[|\d)|(?<=±) ", "\u00a0", cell) if cell[:1].isdigit() else cell


def _against(vgg16: dict[str, Any], clip: dict[str, Any]) -> TableBlock:
    pair = {"VGG16": vgg16, "CLIP": clip}
    caption = "VGG16 against CLIP."
    if all(row["kind"] == "pretrained" for row in pair.values()):
        for name, score in (("ARI", "ari"), ("accuracy", "accuracy")):
            if None not in (values := [row[score] for row in pair.values()]):
                higher = max(pair, key=lambda title: pair[title][score])
                caption += (
                    f" {name}: {' against '.join(f'{value:.3f}' for value in values)}, higher for {higher}."
                )
    caption += _missing(list(pair.values()))
    names = [name for name in vgg16["cells"] if vgg16["cells"][name] or clip["cells"][name]]
    rows = [{"": name, **{title: row["cells"][name] for title, row in pair.items()}} for name in names]
    return TableBlock(caption, pd.DataFrame(rows))


def _sizes(results: Results) -> FigureBlock:
    """Return accuracy against the size of what has to be installed, for every candidate."""
    import plotly.graph_objects as go

    modalities = results.tables["models"].set_index("model")["modalities"]
    table = results.candidates.assign(
        modalities=results.candidates["model"].map(modalities),
        title=[results.title(name) for name in results.candidates["model"]],
    )
    scores = [results.models[name] for name in table["model"]]
    table["low"] = [each["cv_accuracy"] - each["cv_accuracy_low"] for each in scores]
    table["high"] = [each["cv_accuracy_high"] - each["cv_accuracy"] for each in scores]
    figure = go.Figure()
    table["kind"] = table["modalities"].map(
        {"image": "picture", "image+text": "text and picture", "text": "text"}
    )
    champion = results.metrics["champion"]["champion"]
    table.loc[table["model"] == champion, "kind"] = "champion"
    for kind, rows in table.groupby("kind", sort=True):
        large = kind == "champion"
        figure.add_scatter(
            x=rows["megabytes"].round(3).tolist(),
            y=rows["accuracy"].round(4).tolist(),
            error_y={
                "array": rows["high"].round(4).tolist(),
                "arrayminus": rows["low"].round(4).tolist(),
                "thickness": 1,
            },
            mode="markers",
            marker={
                "symbol": SYMBOLS[str(kind)],
                "size": 16 if large else 9,
                "color": "#D55E00" if large else "#0072B2",
            },
            text=rows["title"].tolist(),
            hovertemplate="%{text}<br>%{x} MB, accuracy %{y}<extra></extra>",
            name=str(kind),
        )
    front = table.sort_values(["megabytes", "accuracy"], ascending=[True, False], kind="stable")
    front = front[front["accuracy"] > front["accuracy"].cummax().shift(fill_value=-1)]
    # names right of their points in the left half, else left, so that none leaves the figure
    middle = (math.log10(table["megabytes"].min()) + math.log10(table["megabytes"].max())) / 2
    for megabytes, accuracy, name in front[["megabytes", "accuracy", "model"]].itertuples(index=False):
        right = math.log10(megabytes) < middle
        figure.add_annotation(
            x=math.log10(megabytes),
            y=accuracy,
            text=name,
            showarrow=False,
            xanchor="left" if right else "right",
            xshift=12 if right else -12,
        )
    figure.update_layout(
        xaxis={"title": "size of the package, MB (10^6 bytes, logarithmic)", "type": "log"},
        yaxis_title=f"accuracy, cross-validated, {results.confidence:.0%} interval",
    )
    told = {
        str(name): f"{title}: {accuracy:.3f} with {megabytes:.1f} MB"
        for name, title, accuracy, megabytes in table[["model", "title", "accuracy", "megabytes"]].itertuples(
            index=False
        )
    }
    largest = str(table.sort_values("megabytes", kind="stable")["model"].iloc[-1])
    caption = (
        f"The champion (large mark) is {told[champion]}; the largest package is {told[largest]}. "
        "Named: those than which no smaller one is as accurate."
    )
    return FigureBlock("size", caption, styled(figure, 480))
