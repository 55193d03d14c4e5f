"""The one exception of this package."""

from __future__ import annotations

from typing import Optional


class HelperError(Exception):
    """Says why there is no credential, or why it was of no use.

    ``slug`` is one of protocol/errors.json and never changes; ``message`` is for people: the whole
    text of a helper that failed. ``hint`` says what to do, ``exit_code`` is the helper's, if it ran.

    It is no ``ApiException`` of the kfp SDK, which repeats some of those at once and for ever.
    """

    def __init__(self, slug: str, message: str, hint: str = "", exit_code: Optional[int] = None) -> None:
        super().__init__(slug, message, hint, exit_code)  # what pickle makes it from again
        self.slug = slug
        self.message = message
        self.hint = hint
        self.exit_code = exit_code

    def __str__(self) -> str:
        if self.hint and "hint: " not in self.message:
            return f"{self.message}\n  hint: {self.hint}"
        return self.message
