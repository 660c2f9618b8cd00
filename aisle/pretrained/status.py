"""What stands for the digest of pretrained weights where there is none, and what several make together.

These labels stand in the metadata of feature files, in tables of predictions and in the report's badges. The
module imports nothing, so that whoever reads or writes one of them depends on this file alone.
"""

NONE, UNTRAINED, ABSENT = "none", "untrained", "not available"
"""No weights needed; random ones; none to be had here."""


def kind(label: str) -> str:
    """Return NONE, UNTRAINED or ABSENT as they are, and `pretrained` for a digest."""
    return label if label in (NONE, UNTRAINED, ABSENT) else "pretrained"


def combined(parts: list[str]) -> str:
    """Return the label of what several make together: the worst of them, or all their digests.

    `not available` if one is, else `untrained` if one is, else the digests joined by `+`; `none` if no part
    has any.
    """
    for worst in (ABSENT, UNTRAINED):
        if worst in parts:
            return worst
    return "+".join(dict.fromkeys(part for part in parts if part != NONE)) or NONE
