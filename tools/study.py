"""Run the pipeline on another catalogue, beside the repository's own, and write its result tables.

The catalogue is a folder and a small YAML of column mappings: `--mapping`, or `catalogue.yaml` in the folder,
or docs/studies/<folder's name>/catalogue.yaml. Its keys override params.yaml and weights.yaml.

The run has a workspace of its own, .studies/<name>/: a Git and DVC repository with a copy of the code, its
own params.yaml and dvc.lock, and the repository's DVC cache and item cache. So the committed params.yaml,
dvc.lock and outputs stay as they are, caching works from run to run, and `dvc exp run` works inside it. The
results go to docs/studies/<name>/: README.md, figures/ and two cards for people, metrics.json for programs.
"""

import argparse
import filecmp
import json
import os
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from yaml import AliasToken, scan

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where this runs as a script

from aisle.catalogue import label_overlay, picture_files, presets
from aisle.catalogue.columns import CatalogueParams
from aisle.pipeline import atomic, dvc_file, item_cache, names
from aisle.pipeline.cli import run
from aisle.pipeline.errors import AisleError, some
from aisle.pipeline.params import check, read_yaml
from aisle.pipeline.tables import read_csv, read_json
from aisle.pretrained import download
from tools import repro

ROOT = Path(__file__).resolve().parent.parent
CHANGES = "data/category_changes.csv"
LABELS = "data/labels.csv"
ADJUDICATED = "data/adjudicated.csv"
NO_STREAM = "data/no_stream"
"""Empty: a study without a stream of new products has none to monitor."""
CODE = (
    "aisle",
    "stages",
    "dvc.yaml",
    "models/pretrained/none",
    CHANGES,
    ADJUDICATED,
    "docs/benchmarks/encoders.json",
    ".dvcignore",
    ".gitignore",
    ".dvc/config",
    ".dvc/.gitignore",
    ".dvc/plots",
)
OUTPUTS = ("data", "features", "models", "predictions", "packages", "metrics", "reports")
HEADLINE = {
    "products": ("ingest", "products"),
    "refused": ("ingest", "refused"),
    "without_picture": ("ingest", "without_picture"),
    "categories": ("ingest", "categories"),
    "name_words": ("ingest", "name_words"),
    **{
        f"{name}_accuracy{suffix}": ("models", f"<{name}>", f"cv_accuracy{suffix}")
        for name in ("baseline", "picture", "text", "best", "champion")
        for suffix in ("", "_low", "_high")
    },
    "best_vs_baseline": ("models", "<best>", "cv_gain"),
    **{
        f"best_vs_baseline{suffix}": ("models", "<best>", f"cv_gain{suffix}")
        for suffix in ("_low", "_high", "_p", "_p_holm")
    },
    **{
        f"{name}{suffix}": ("models", "<champion>", f"cv_{name}{suffix}")
        for name in ("coverage_at_target_error", "error_at_coverage")
        for suffix in ("", "_low", "_high")
    },
    **{name: ("models", "<champion>", name) for name in ("guaranteed_coverage", "guaranteed_bound")},
    **{
        f"adjudicated_accuracy{suffix}": ("models", "<best>", f"cv_adjudicated_accuracy{suffix}")
        for suffix in ("", "_low", "_high")
    },
    "tree_products": ("ingest", "products"),
    "tree_nodes": ("models", "<best>", "tree_nodes"),
    "tree_h_f1": ("models", "<best>", "cv_tree_h_f1"),
    "tree_h_f1_baseline": ("models", "<baseline>", "cv_tree_h_f1"),
    **{
        f"tree_accuracy_depth_{level}": ("models", "<best>", f"cv_tree_accuracy_depth_{level}")
        for level in (1, 2, 3)
    },
    "tree_decided": ("models", "<best>", "cv_tree_decided"),
    **{
        f"ari_{name}{suffix}": ("cluster", name, f"ari{suffix}")
        for name in (
            "minilm",
            "use_multilingual",
            "vgg16",
            "efficientnet_lite0",
            "mobilenet_v2",
            "text_picture",
            "text_mobilenet_v2",
            "tfidf",
            "word2vec",
        )
        for suffix in ("", "_sd")
    },
}
"""Flat name of each headline figure to its place in the nested metrics.

`<baseline>` is the baseline's name, `<picture>` and `<text>` those of the best model that reads that alone,
`<best>` that of the best of all, models with untrained weights aside, and `<champion>` that of the
model to use: what is decided without a person is its doing.
"""


OWN = ("catalogue", "ingest", "text", "images", "folds", "exploration", "thumbnails", "evaluation")
"""What a YAML that comes with a catalogue, in its folder, may set: what describes the catalogue. Models,
encoders and weights, their names and addresses, are the user's: of docs/studies/ or of `--mapping`."""
MARK = ".aisle-catalogue"
"""File in a workspace: digest of the path of the catalogue that it is of."""
WHOLE = ("catalogue", "columns", "category", "files", "known_errors", "names")
"""Mappings of params.yaml that a catalogue replaces, for one with another's keys would be neither."""


def find_mapping(catalogue: Path, mapping: str | None) -> Path:
    """Return the catalogue's YAML of column mappings."""
    if not catalogue.is_dir():
        raise AisleError(f"CATALOGUE must be a folder; {catalogue} is not")
    shipped = ROOT / "docs" / "studies" / catalogue.resolve().name / "catalogue.yaml"
    candidates = [Path(mapping)] if mapping else [catalogue / "catalogue.yaml", shipped]
    for path in candidates:
        if path.is_file():
            return path
    raise AisleError(
        f"there must be a YAML of column mappings; found none at {' or '.join(map(str, candidates))}. "
        "Copy docs/studies/flipkart1050/catalogue.yaml and give it with MAPPING=..."
    )


def merge(base: dict[str, Any], override: dict[str, Any], where: str = "") -> None:
    """Override `base` in place, section by section; what `WHOLE` names is replaced as a whole.

    `null` leaves an entry out, and empties a section of entries: a catalogue of names alone has no picture
    encoder.

    Raises
    ------
    AisleError
        If a top-level key is in neither params.yaml nor weights.yaml.
    """
    for key, value in override.items():
        if not where and key not in base:
            raise AisleError(f"mapping: '{key}' must be a section of params.yaml: {', '.join(base)}")
        section = isinstance(base.get(key), dict) and key not in WHOLE
        if section and isinstance(value, dict):
            merge(base[key], value, f"{where}{key}.")
        elif section and value is None:
            if all(isinstance(entry, dict) for entry in base[key].values()):
                base[key] = {}
            else:
                del base[key]
        else:
            base[key] = value


def check_own(override: dict[str, Any], catalogue: Path, mapping: Path) -> None:
    """See that a YAML that lies in the catalogue's folder sets what describes the catalogue, and no more.

    Raises
    ------
    AisleError
        If it sets more, or names files outside of that folder.
    """
    folder = catalogue.resolve()
    if not mapping.resolve().is_relative_to(folder):
        return
    told = f"look through {mapping}, and give a copy that lies elsewhere with MAPPING=... (--mapping)"
    if mapping.is_file() and any(isinstance(token, AliasToken) for token in scan(mapping.read_bytes())):
        raise AisleError(
            f"{mapping} came with the catalogue and must write values out, not as aliases (*name): a few "
            f"lines could stand for gigabytes. If that is wanted, {told}."
        )
    if more := sorted({*override} - {*OWN}):
        raise AisleError(
            f"{mapping} came with the catalogue and must set no more than {', '.join(OWN)}; it sets "
            f"{', '.join(map(repr, more))}. If these are your own settings, {told}."
        )
    section = override["catalogue"]
    given = [(key, section[key]) for key in ("table", "images") if section.get(key)]
    table = folder / str(section.get("table") or "")
    if _is_inside(table, folder) and table.is_dir():  # its tables may be links
        given += [("table", file) for file in sorted(table.iterdir())]
    for key, path in given:
        if not _is_inside(folder / str(path), folder):
            raise AisleError(
                f"{mapping}: catalogue.{key} must lie in the catalogue's folder; {path} does not. If that is "
                f"wanted, {told}."
            )


def _is_inside(path: Path, folder: Path) -> bool:
    """Whether a path leads to a place in a folder; links in a circle and what no file can be named do not."""
    try:
        return path.resolve().is_relative_to(folder)
    except (OSError, ValueError, RuntimeError):
        return False


def check_pictures(folder: Path) -> None:
    """See that DVC can digest a folder of pictures, before it stops at one of them in words of its own.

    Raises
    ------
    AisleError
        If a link in it leads nowhere, or a name is in no UTF-8.
    """
    if found := picture_files.unusable(folder):
        raise AisleError(
            f"{folder} must have files that can be read, with names in UTF-8; see {some(found)}. Rename them "
            "or delete them."
        )


def plain_name(folder: str) -> str:
    """Return a folder's name as the name of a catalogue, a dash for each run of other signs."""
    return re.sub(r"[^\w.-]+", "-", folder).strip("-.") or folder


def claim(workspace: Path, catalogue: Path) -> None:
    """Make a workspace that of a catalogue, by a digest of its path.

    Raises
    ------
    AisleError
        If it is another one's, which the run would replace.
    """
    own = sha256(os.fsencode(catalogue.resolve())).hexdigest()
    mark = workspace / MARK
    if mark.is_file() and mark.read_text(encoding="utf-8").strip() != own:
        raise AisleError(
            f"{workspace} must be the workspace of {catalogue.resolve()}; it is that of another folder of "
            "this name, whose products and results would be replaced. Name this one in its mapping "
            f"(catalogue: {{name: ...}}), or, if the folder was moved, delete {mark}."
        )
    atomic.write_text(mark, f"{own}\n")


def copy_code(workspace: Path) -> None:
    """Make the workspace's code that of the repository; a file that is the same keeps its time stamp."""
    wanted: set[Path] = set()
    for name in CODE:
        path = ROOT / name
        files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
        wanted |= {file.relative_to(ROOT) for file in files if "__pycache__" not in file.parts}
    wanted |= {Path(folder) / ".gitignore" for folder in OUTPUTS}
    for name in ("aisle", "stages"):
        for file in (workspace / name).rglob("*"):
            if file.is_file() and file.relative_to(workspace) not in wanted:
                file.unlink()
    for file in wanted:
        target = workspace / file
        if not target.is_file() or not filecmp.cmp(ROOT / file, target, shallow=False):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / file, target)


def write_params(workspace: Path, catalogue: Path, mapping: Path) -> str:
    """Write the workspace's params.yaml and weights.yaml; return the study's name."""
    yaml = YAML()
    yaml.width = 110
    params, weights = yaml.load(ROOT / "params.yaml"), yaml.load(ROOT / "weights.yaml")
    try:
        override = read_yaml(mapping)
    except UnicodeDecodeError as error:
        raise AisleError(f"{mapping} must be a text in UTF-8: {error.reason} at byte {error.start}") from None
    if not isinstance(override.get("catalogue"), dict):
        raise AisleError(f"{mapping} must have a section 'catalogue', as params.yaml has")
    check_own(override, catalogue, mapping)
    override["catalogue"] = {"name": plain_name(catalogue.resolve().name), **override["catalogue"]}
    section = check(override["catalogue"], CatalogueParams, f"{mapping}: catalogue")
    check_pictures(catalogue / section.images)
    override["catalogue"] = presets.apply(override["catalogue"])
    target = workspace / section.name

    def moved(path: str) -> str:  # relative to the catalogue's folder
        return Path(os.path.relpath(catalogue.resolve() / path, target.resolve())).as_posix()

    for key in ("table", "images"):
        override["catalogue"][key] = moved(getattr(section, key))
    for entry in (override.get("weights") or {}).values():
        if entry and entry.get("path"):
            entry["path"] = moved(entry["path"])
    monitoring = override.setdefault("monitoring", {})
    stream = monitoring.get("stream")
    monitoring["stream"] = moved(stream) if stream else NO_STREAM
    merge(weights, {"weights": override.pop("weights", None) or {}})
    merge(params, override)
    names.check({**params, **weights}, str(mapping))
    claim(target, catalogue)
    for name, content in (("params.yaml", params), ("weights.yaml", weights)):
        with atomic.replacing(target / name) as part, part.open("w", encoding="utf-8") as file:
            yaml.dump(content, file)
    return section.name


def call(*command: str, cwd: Path, capture: bool = False) -> str:
    """Run a command of the environment in a folder.

    Raises
    ------
    AisleError
        If it fails; it has then said why on stderr.
    """
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=cwd, env=environment, text=True, capture_output=capture, check=False)
    if done.returncode:
        raise AisleError(
            f"`{' '.join(command)}` failed{': ' + done.stderr.strip() if capture else ', see above'}"
        )
    return (done.stdout or "").strip()


def make_empty_folders(workspace: Path) -> None:
    """Make the folders that a stage of the workspace reads and none of it writes.

    Such as those of feature sets, where the study has none: DVC wants what the report reads to be there.
    """
    stages = dvc_file.read(workspace).values()
    written = [path for stage in stages for path in stage.outputs]
    for path in {dep for stage in stages for dep in stage.deps}:
        inside = any(Path(out).is_relative_to(path) or Path(path).is_relative_to(out) for out in written)
        if Path(path).parts[0] in OUTPUTS and not Path(path).suffix and not inside:
            (workspace / path).mkdir(parents=True, exist_ok=True)


def prepare(workspace: Path) -> None:
    """Make the workspace a Git and DVC repository that shares the repository's cache."""
    copy_code(workspace)
    make_empty_folders(workspace)
    if not (workspace / ".git").exists():
        call("git", "init", "--quiet", cwd=workspace)
    shared = Path(call("dvc", "cache", "dir", cwd=ROOT, capture=True))
    relative = os.path.relpath(shared, workspace / ".dvc")
    (workspace / ".dvc" / "config.local").write_text(f"[cache]\n    dir = {relative}\n", encoding="utf-8")


def copy_given(workspace: Path, catalogue: Path) -> None:
    """Copy the renamed categories and people's labels that lie in the catalogue's folder.

    Without its own the catalogue has no labels: the repository's name other products.

    Raises
    ------
    AisleError
        If one is a link out of that folder.
    """
    label_overlay.write([], workspace / LABELS)
    for name in (CHANGES, LABELS):
        if (given := catalogue / Path(name).name).is_file():
            if not given.resolve().is_relative_to(catalogue.resolve()):
                raise AisleError(f"{given} must lie in the catalogue's folder; it is a link out of it")
            shutil.copyfile(given, workspace / name)


def collect(workspace: Path) -> dict[str, Any]:
    """Return every metric of the workspace, by stage and item, with the per-class scores and the headline."""
    params, result = read_yaml(workspace / "params.yaml"), dict[str, Any]()
    for stage in dvc_file.read(workspace).values():
        for path in stage.metrics:
            if stage.item:
                result.setdefault(stage.entry, {})[stage.item] = read_json(workspace / path)
            else:
                name = stage.entry if len(stage.metrics) == 1 else Path(path).stem
                result[name] = read_json(workspace / path)
    classes = read_csv(workspace / "reports/evaluation/per_class.csv")
    for (model, protocol, category), row in classes.groupby(["model", "protocol", "category"]):
        scores = row.iloc[0][["precision", "recall", "f1", "f1_low", "f1_high", "support"]]
        place = result["models"][model].setdefault(f"{protocol}_per_class", {})
        place[category] = {name: round(float(value), 6) for name, value in scores.items()}
    roles = {"<baseline>": params["evaluation"]["baseline"], "<champion>": result["champion"]["champion"]}
    listed = read_csv(workspace / "reports/evaluation/models.csv").set_index("model")["modalities"]
    trained = {
        name: scores["cv_accuracy"]
        for name, scores in result["models"].items()
        if isinstance(scores, dict) and "cv_accuracy" in scores and scores["weights"] != "untrained"
    }
    for role, kinds in (("<text>", {"text"}), ("<picture>", {"image"}), ("<best>", {*listed})):
        able = {name: score for name, score in trained.items() if listed[name] in kinds}
        if able:
            roles[role] = max(able, key=lambda name: able[name])
    headline = {f"{role[1:-1]}_model": name for role, name in roles.items()}
    for name, place in HEADLINE.items():
        value: Any = result
        for key in (roles.get(part, part) for part in place):
            if key not in value:  # a feature set that the study leaves out; the baseline against itself
                break
            value = value[key]
        else:
            headline[name] = value
    return {"headline": headline, **result}


def main() -> None:
    """Prepare the workspace, run the pipeline in it, write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("catalogue", type=Path, help="folder of the catalogue")
    parser.add_argument("--mapping", help="YAML of column mappings")
    parser.add_argument("--results", type=Path, default=ROOT / "docs" / "studies", help="where results go")
    parser.add_argument("--workspaces", type=Path, default=ROOT / ".studies", help="where runs are kept")
    args = parser.parse_args()
    mapping = find_mapping(args.catalogue, args.mapping)
    name = write_params(args.workspaces, args.catalogue, mapping)
    workspace = args.workspaces / name
    prepare(workspace)
    copy_given(workspace, args.catalogue)
    if (adjudicated := mapping.parent / Path(ADJUDICATED).name).is_file():
        shutil.copyfile(adjudicated, workspace / ADJUDICATED)
    os.environ["AISLE_CACHE"] = str(item_cache.folder(ROOT) or "off")
    os.environ["AISLE_WEIGHTS"] = str(ROOT / download.store())
    try:
        repro.reproduce(workspace, [])
    except SystemExit as failed:
        raise AisleError("`dvc repro` failed, see above") from failed
    identity = ("-c", "user.name=aisle", "-c", "user.email=aisle@localhost")
    revision = call("git", "rev-parse", "--short", "HEAD", cwd=ROOT, capture=True)
    call("git", "add", "--all", cwd=workspace)
    call(
        "git",
        *identity,
        "commit",
        "--quiet",
        "--allow-empty",
        "-m",
        f"{name}, Aisle {revision}",
        cwd=workspace,
    )
    results = args.results / name
    results.mkdir(parents=True, exist_ok=True)
    text = json.dumps(collect(workspace), indent=2, ensure_ascii=False)
    atomic.write_text(results / "metrics.json", text + "\n")
    title, rest = (workspace / "reports" / "tables.md").read_text(encoding="utf-8").split("\n", 1)
    draw = (sys.executable, str(ROOT / "tools" / "figures.py"))
    shown = call(*draw, str(workspace.resolve()), str(results.resolve() / "figures"), cwd=ROOT, capture=True)
    atomic.write_text(results / "README.md", f"{title}\n\n{shown}\n{rest}")
    write = (sys.executable, str(ROOT / "tools" / "cards.py"))
    call(*write, "--folder", str(workspace.resolve()), "--output", str(results.resolve()), cwd=ROOT)
    print(f"results: {results}; report: {workspace / 'reports' / 'index.html'}")


if __name__ == "__main__":
    run(main, children=True)
