"""What a person can do something about: in a file, in a call; and the word that was probably meant.

`worker.problems` adds those of the configuration and of calls.
"""

from __future__ import annotations

from collections.abc import Iterable


class Problem(Exception):  # noqa: N818  # the base of what people read, not only of errors
    """A failure that its reader can do something about: what happened and where, then what to do."""

    exit_code = 1
    code = "error"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class FileProblem(Problem):
    """What is wrong in a file, and at which of its fields."""

    exit_code = 2

    def __init__(self, file: str, field: str, problem: str, hint: str = "") -> None:
        where = f"{file}: {field}: " if field else f"{file}: "
        super().__init__(where + problem, hint)
        self.args = (file, field, problem, hint)  # what pickling calls the class with
        self.file = file
        self.field = field  #: such as `resources.products.columns`; empty for the file as a whole
        self.problem = problem


class CatalogueError(FileProblem):
    """A catalogue is wrong."""

    code = "catalogue"


class Misfit(ValueError):  # noqa: N818  # the value is what is wrong
    """A value that does not fit, told by whoever checks it; `at`: where, seen from the value that is checked."""

    def __init__(self, message: str, hint: str = "", *, at: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.at = at


def nearest(word: str, words: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The one of `words` that was probably meant, if any; `cutoff`: how alike they must be, 1 is equal."""
    by_lower = {known.lower(): known for known in words}
    import difflib  # for who has made a mistake: nobody else is to wait for it

    near = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[near[0]] if near else None


def did_you_mean(word: str, words: Iterable[str], *, most: int = 12) -> str:
    """`did you mean "x"?`, or what there is when nothing is near, at most so many."""
    known = sorted(set(words))
    found = nearest(word, known)
    if found is not None:
        return f'did you mean "{found}"?'
    if not known:
        return ""
    shown = ", ".join(known[:most])
    return f"there is: {shown}, …" if len(known) > most else f"there is: {shown}"
