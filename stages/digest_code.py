"""Write down the code that each stage runs, so that an edit reruns the stages that it concerns, and no other.

Inputs: the folders `aisle` and `stages`.
Outputs: data/code/stages/<stage>.txt, and data/code/aisle/**/<module>.txt for each module that a stage loads
by a name from params.yaml. A line is a file that the script, or that module, can read by importing: its
SHA-256 and its path, as `sha256sum` writes and checks them.
"""

from hashlib import sha256
from pathlib import Path

from aisle import cli
from aisle.closures import Sources, module
from aisle.errors import AisleError


def run(root: Path, scripts: list[str]) -> dict[str, str]:
    """Return script or module, a path from the root, to the lines for it."""
    sources, queue = Sources(root), list(scripts)
    digests: dict[str, str] = {}
    while queue:
        file = queue.pop()
        closure = sorted(sources.closure(module(file)))
        lines = [f"{sha256((root / each).read_bytes()).hexdigest()}  {each}\n" for each in closure]
        digests[file] = "".join(lines)
        loads = [load for each in closure if each.endswith(".py") for load in sources.loads(each)]
        queue += [each for each in sources.fitting(loads) if each not in digests]
    return digests


def main() -> None:
    """Read files, run, write files."""
    parser = cli.parser(
        __doc__, library="the package", scripts="the stages' scripts", output="output: folder of digests"
    )
    args = parser.parse_args()
    library, folder = Path(args.library), Path(args.scripts)
    if not (library / "__init__.py").is_file() or folder.parent != library.parent:
        raise AisleError(
            f"--library must be a package and --scripts a folder beside it, not {library} and {folder}"
        )
    root = library.parent
    scripts = [path.relative_to(root).as_posix() for path in sorted(folder.glob("*.py"))]
    if not scripts:
        raise AisleError(f"--scripts must hold the stages' scripts; {folder} has no .py file")
    try:
        digests = run(root, scripts)
    except SyntaxError as error:
        where = f"{error.filename}, line {error.lineno}"
        raise AisleError(f"scripts and what they import must be Python; {where}: {error.msg}") from None
    for file, text in digests.items():
        path = (Path(args.output) / file).with_suffix(".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(f"{len(scripts)} scripts digested")


if __name__ == "__main__":
    cli.run(main)
