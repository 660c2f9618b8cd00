"""Write down the code that each stage runs, so that an edit reruns the stages that it concerns, and no other.

Inputs: the folders `aisle` and `stages`.
Outputs: data/code/stages/<stage>.txt, data/code/aisle/**/<module>.txt for each module that a stage loads by a
name from params.yaml, and data/code/aisle/**/<folder>.txt for all such modules of a folder. A line is a file
that the script, or the module, can read by importing: its SHA-256 and its path, as `sha256sum` writes and
checks them.
"""

from pathlib import Path

from aisle.pipeline import atomic, cli
from aisle.pipeline.code_digests import of_stages


def main() -> None:
    """Follow the imports, write the lists."""
    parser = cli.parser(
        __doc__, library="the package", scripts="the stages' scripts", output="output: folder of digests"
    )
    args = parser.parse_args()
    for file, text in of_stages(Path(args.library), Path(args.scripts)).items():
        atomic.write_text((Path(args.output) / file).with_suffix(".txt"), text)


if __name__ == "__main__":
    cli.run(main)
