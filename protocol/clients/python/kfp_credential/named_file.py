"""Reading what a user named, which may be a device without an end."""

from __future__ import annotations

# More than any exec configuration or authority is long.
LARGEST_FILE = 1 << 20


def read(file: str) -> bytes:
    """Returns the whole file, or raises ``OSError``, and ``ValueError`` where it is too large."""
    with open(file, "rb") as opened:
        content = opened.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ValueError("it is larger than 1 MiB")
    return content
