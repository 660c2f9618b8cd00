"""Read what the report of a repository's folder shows, without running its stage."""

import itertools
import shlex
from pathlib import Path

from aisle.params import read_yaml
from aisle.report.results import Results, read_results


def read_folder(folder: str | Path) -> Results:
    """Return everything that the report shows, of a repository or of a study's workspace.

    Parameters
    ----------
    folder
        Has params.yaml, the outputs, and dvc.yaml, whose stage `report` names the outputs that it reads.

    Raises
    ------
    AisleError
        If a file is not there.
    """
    folder = Path(folder)
    command = shlex.split(read_yaml(folder / "dvc.yaml")["stages"]["report"]["cmd"])
    paths = {
        flag.removeprefix("--").replace("-", "_"): str(folder / value)
        for flag, value in itertools.pairwise(command)
        if flag.startswith("--")
    }
    return read_results(paths, read_yaml(folder / "params.yaml"))
