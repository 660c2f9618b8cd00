"""Spreadsheets: .xlsx, .xls, .xlsb and .ods, by calamine."""

import io
from pathlib import Path
from typing import Any

import pandas as pd

from aisle.catalogue.formats import workbook_budget
from aisle.catalogue.formats.opening import opened
from aisle.catalogue.formats.records import FormatParams, Records, check_names, plain
from aisle.pipeline.errors import AisleError, some


def read(path: Path, params: FormatParams) -> Records:
    """Read a sheet; its header is the first row with a value in it, lines are the sheet's rows.

    Parameters
    ----------
    path
        The workbook.
    params
        Which sheet, by name; else the first that has a record.

    Raises
    ------
    AisleError
        If it is no workbook, or has no such sheet or none with a record.
    """
    import python_calamine

    with opened(path) as file:
        content = file.read()
    workbook_budget.check(path, content)
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
        names = book.sheet_names
        if params.sheet is not None and params.sheet not in names:
            raise AisleError(f"{path} must have the sheet {params.sheet!r}; it has {some(names, 20)}")
        for name in [params.sheet] if params.sheet is not None else names:
            rows = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
            if sum(map(_filled, rows)) > 1:
                break
        else:
            raise AisleError(f"{path} must have a sheet with a header and products; it has {some(names, 20)}")
    except python_calamine.CalamineError as error:
        raise AisleError(f"{path} must be a workbook (.xlsx, .xls, .xlsb, .ods): {error}") from None
    top = next(number for number, row in enumerate(rows) if _filled(row))
    header = [str(plain(value)).strip() for value in rows[top]]
    while header and not header[-1]:
        header.pop()
    check_names(header, f"sheet {name!r} of {path}")
    found = {
        number: [plain(value) for value in row]
        for number, row in enumerate(rows[top + 1 :], top + 2)
        if _filled(row)
    }
    problems = {
        number: f"{len(row)} cells, but the header has {len(header)}"
        for number, row in found.items()
        if _filled(row[len(header) :])
    }
    table = pd.DataFrame(
        [(row + [""] * len(header))[: len(header)] for row in found.values()],
        columns=header,
        index=pd.Index(list(found), name="line", dtype=int),
        dtype=object,
    )
    detected = {"format": path.suffix.lower().lstrip("."), "sheet": name}
    if len(names) > 1:
        detected["other sheets"] = some([each for each in names if each != name])
    return Records(table, problems, detected)


def _filled(row: list[Any]) -> bool:
    return any(value not in ("", None) for value in row)
