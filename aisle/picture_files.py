"""Find a product's picture in the catalogue's folder."""

from pathlib import Path


def picture_file(folder: Path, name: str | None) -> Path | None:
    """Return the picture's path if `name` is a file inside `folder` (never outside of it), else None."""
    if not name:
        return None
    try:
        path = (folder / name).resolve()
        return path if path.is_relative_to(folder.resolve()) and path.is_file() else None
    except (OSError, ValueError):  # a name that no file can have: too long, or with a null byte
        return None
