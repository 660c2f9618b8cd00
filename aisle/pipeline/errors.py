"""The one exception that a person is meant to read."""


class AisleError(Exception):
    """What must be, what was found and what to do; shown without a traceback by `aisle.pipeline.cli.run`."""


def some(items: object, limit: int = 5) -> str:
    """Return the first `limit` of `items`, comma-separated, and how many more there are."""
    listed = [str(item) for item in items]  # type: ignore[attr-defined]
    more = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + more
