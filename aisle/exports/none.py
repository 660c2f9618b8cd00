"""Nothing to export: for encoders that need no pretrained weights."""

from pathlib import Path
from typing import Any

from aisle.params import Section


class Export(Section):
    """No model."""

    def export(self, files: dict[str, Path], seed: int | None, folder: Path) -> dict[str, Any]:
        """Write nothing."""
        return {}
