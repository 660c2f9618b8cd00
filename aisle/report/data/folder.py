"""Read what the report of a repository's folder shows, without running its stage."""

from pathlib import Path

from aisle.pipeline import dvc_file
from aisle.pipeline.params import read_yaml
from aisle.report.data.results import Results, read_results


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
    flags = dvc_file.read(folder)["report"].flags
    paths = {flag.replace("-", "_"): str(folder / value) for flag, value in flags.items()}
    return read_results(paths, read_yaml(folder / "params.yaml"))
