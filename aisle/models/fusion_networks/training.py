"""What is to be trained on text and picture together."""

from collections.abc import Sequence

from aisle.models.fit_all import Task
from aisle.models.fusion_networks.networks import NetworkParams, create


def tasks(
    name: str, title: str, params: NetworkParams, widths: Sequence[int], seeds: Sequence[int]
) -> list[Task]:
    """Return what is to be trained: the network with each seed."""
    about = {"fusion_networks": params.model_dump(mode="json")}
    return [Task(name, title, about, seed, create(params, widths, seed)) for seed in seeds]
