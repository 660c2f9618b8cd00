"""Read YAML 1.2, DVC's dialect, by PyYAML's C parser: two to five times as fast as ruamel.yaml's.

PyYAML reads YAML 1.1, where `no` is false, `1e-4` a text, `010` eight and `1:30` ninety. What a plain word
stands for is told here anew, as ruamel.yaml tells it to DVC; a key that is there twice is an error, as there.
"""

import re
from typing import Any

import yaml

_WORDS = {
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?(0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)", "-+0123456789"),
    "float": (
        r"[-+]?([0-9][0-9_]*\.[0-9_]*([eE][-+]?[0-9]+)?|[0-9][0-9_]*[eE][-+]?[0-9]+|\.[0-9_]+([eE][-+][0-9]+)?"
        r"|\.(inf|Inf|INF))|\.(nan|NaN|NAN)",
        "-+0123456789.",
    ),
}
_AS_BEFORE = ("null", "timestamp", "merge", "value")
_BASES = {"0b": 2, "0o": 8, "0x": 16}


class Loader(yaml.CSafeLoader):
    """PyYAML's parser with YAML 1.2's numbers and truth values."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping whose keys are all different."""
        seen = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:merge" and isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in seen:
                    raise yaml.constructor.ConstructorError(
                        None,
                        None,
                        f"the key {key.value!r} must be there once, and is there again",
                        key.start_mark,
                    )
                seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep)

    def _integer(self, node: yaml.ScalarNode) -> int:
        value = str(self.construct_scalar(node)).replace("_", "")
        digits = value.lstrip("+-")
        base = _BASES.get(digits[:2], 10)
        number = int(digits if base == 10 else digits[2:], base)
        return -number if value.startswith("-") else number


Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if tag.rpartition(":")[2] in _AS_BEFORE]
    for first, forms in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
for _name, (_form, _first) in _WORDS.items():
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(f"(?:{_form})$"), list(_first))
Loader.add_constructor("tag:yaml.org,2002:int", Loader._integer)


def loads(text: str) -> Any:
    """Return what a YAML 1.2 text holds.

    Raises
    ------
    yaml.YAMLError
        If it is not YAML, or has a key twice.
    """
    return yaml.load(text, Loader)  # a SafeLoader: plain values alone
