"""Checks of the options that encoders share."""

from aisle.pipeline.errors import AisleError


def check_counts(encoder: object, *names: str) -> None:
    """Raise an AisleError unless each of these options of an encoder is a whole number, at least 1."""
    for name in names:
        value = getattr(encoder, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise AisleError(f"{name} must be a whole number, at least 1, not {value!r}")
