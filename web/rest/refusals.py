"""What the points API refuses, raised wherever it is found and answered by rest.py."""

from __future__ import annotations


class Refusal(Exception):  # noqa: N818  # the word a person reads
    """A status and one sentence; what was sent is not repeated where it may be a secret."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


def of_field(name: str, problem: str) -> Refusal:
    """A member of the body that cannot be taken."""
    return Refusal(400, f"Field '{name}' {problem}")


def not_found() -> Refusal:
    return Refusal(404, "Resource not found")
