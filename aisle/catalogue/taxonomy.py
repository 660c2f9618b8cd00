"""Category paths: segments from the root to the leaf; labels of a level and of the whole tree."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

PATH_SEPARATOR = " >> "
"""Between the segments of `category_path` in data/products.parquet, whatever the source uses."""
OTHER = "(other)"
"""Label of what rolls up to the root: in brackets, so that no shop's category has the name."""
CUT = ("...", "…")
"""How a segment ends that the source has cut off."""
MIN_GROUPS = 5
"""Different names, or groups of near-duplicates, of a label: what is alike is in one fold, of five."""


def ancestors(label: str) -> list[str]:
    """Return the nodes on the way to a label, from the first segment to the label itself."""
    segments = label.split(PATH_SEPARATOR)
    return [PATH_SEPARATOR.join(segments[:depth]) for depth in range(1, len(segments) + 1)]


def depth(label: str) -> int:
    """Return the number of segments of a label."""
    return label.count(PATH_SEPARATOR) + 1


@dataclass(frozen=True)
class Tree:
    """The tree of labels: the labels themselves, and what is above them.

    A label may be above others: its products are those that stop there. The root is no node.

    Attributes
    ----------
    labels
        In the order of the probabilities.
    """

    labels: tuple[str, ...]

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """Every node, sorted."""
        return tuple(sorted({node for label in self.labels for node in ancestors(label)}))

    @cached_property
    def depths(self) -> np.ndarray:
        """Depth of each node, from 1."""
        return np.array([depth(node) for node in self.nodes], int)

    @property
    def height(self) -> int:
        """Depth of the deepest node; 1 of a flat list of categories."""
        return int(self.depths.max(initial=0))

    @cached_property
    def above(self) -> np.ndarray:
        """Place in `nodes` of each label's node at each depth, (labels, height); -1 below the label."""
        place = {node: number for number, node in enumerate(self.nodes)}
        found = np.full((len(self.labels), self.height), -1)
        for row, label in enumerate(self.labels):
            way = [place[node] for node in ancestors(label)]
            found[row, : len(way)] = way
        return found


def roll_up(
    paths: Sequence[Sequence[str]], min_size: int, groups: Sequence[Hashable], min_groups: int
) -> list[str]:
    """Return the label of each path: the deepest node that is left with enough products.

    From the deepest nodes upwards, a node with too few products (its own, and what rolled up into it) gives
    all of them to its parent. What reaches the root is `OTHER`; where even that has too few, they have no
    label (""): they are kept, predicted, and not learned from. A last segment that the source has cut off
    names nothing and is left out.

    Parameters
    ----------
    paths
        Segments of each product's path, from the root.
    min_size
        Products that a label must have.
    groups
        What each product cannot be parted from in a split: its name, or its group of near-duplicates.
    min_groups
        Different ones that a label must have.
    """
    places = [_place(path) for path in paths]
    members: dict[tuple[str, ...], list[Hashable]] = {}
    for place, group in zip(places, groups, strict=True):
        members.setdefault(place, []).append(group)

    def too_few(node: tuple[str, ...]) -> bool:
        return len(members[node]) < min_size or len(set(members[node])) < min_groups

    rolled = set[tuple[str, ...]]()
    for level in range(max(map(len, places), default=0), 0, -1):
        for node in [node for node in members if len(node) == level and too_few(node)]:
            members.setdefault(node[:-1], []).extend(members.pop(node))
            rolled.add(node)
    unknown = "" if () in members and too_few(()) else OTHER

    def label(node: tuple[str, ...]) -> str:
        while node in rolled:
            node = node[:-1]
        return PATH_SEPARATOR.join(node) or unknown

    labels = {node: label(node) for node in dict.fromkeys(places)}
    return [labels[place] for place in places]


def _place(path: Sequence[str]) -> tuple[str, ...]:
    """Return the node that a path names; `OTHER`, of what has been rolled up before, is the root."""
    if path and path[-1].endswith(CUT):
        path = path[:-1]
    return () if list(path) == [OTHER] else tuple(path)
