"""What is to be trained on a backbone's features."""

from collections.abc import Sequence

from aisle.models.fit_all import Task
from aisle.models.heads.mlp import DenseHead, HeadParams
from aisle.models.listing import head_name


def tasks(backbone: str, heads: dict[str, HeadParams], seeds: Sequence[int]) -> list[Task]:
    """Return what is to be trained on a backbone's features: each head with each seed."""
    planned = []
    for head, params in heads.items():
        name, title = head_name(backbone, head, params.title)
        about = {"transfer": params.model_dump(mode="json") | {"backbone": backbone}}
        options = params.training, params.layers, params.dropout, params.scaling
        planned += [Task(name, title, about, seed, DenseHead(*options, seed)) for seed in seeds]
    return planned
