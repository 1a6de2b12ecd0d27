"""docs/commands.md, from the commands as they are registered; called by `docs.generator`."""

# ruff: noqa: E501  # rows of tables have no line breaks
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from docs.generator import markdown
from worker.commands import help_texts

_INTRODUCTION = """
`mirrorpoint` without a command shows the commands, and each has `--help` with an example. `--config FILE` and `--debug`
stand before the command; `--debug` may also stand behind it.

Tables and colours are for people; colours come on a terminal only, and `NO_COLOR` takes them away. With `--json` one
JSON document comes on standard output and nothing else (of `changes`, `diff`, `history` and `deliveries` JSON Lines).
An error is then `{"error": {"code", "message", "hint"}}`. Everything that is not the result goes to standard error.

A RESOURCE is named as in [resources](resources.md), `backoffice:products` where several sources have one of that name;
where several are allowed, globs are too (`'product_*'`).

A record is RESOURCE/KEY: `products/42`, below a parent `product_currencies/42/7`, with its source where several have
the resource: `backoffice/products/42` or `backoffice:products/42`. So commands print it, and each that takes a record
takes it so; `show`, `history` and `erase` take `products 42` as well. The key of the parent may be left out where the
record's own is unique. Where a key holds a `/`, events and deliveries have `%2F` for it; both are understood.

A TIME is `2026-11-22`, `2026-11-22T10:00:00Z` (UTC where it
has no offset), `now`, `today`, `yesterday`, a weekday (the last one, today included), or how long ago: `2h`, `3d`,
`1w`, `6mo`, `1y`. A day is its midnight. With `--local` times are read and shown in the zone of this machine (or of
`TZ`); JSON stays in UTC.

What takes longer shows a progress bar on a terminal. Elsewhere `sync` writes a line when it begins and one for each
resource that is done, and `check` one for each source that it asks; neither does with `--json`.

On a terminal that is too narrow for a table, columns are left out or their cells cut with `…`, the least important
first; a pipe or a file is given everything.

`mirrorpoint --install-completion` makes the Tab key complete commands, options and names of resources in bash, zsh,
fish and PowerShell, from the next shell on; `--show-completion` prints what it would install.

For monitoring, `mirrorpoint status --check` prints a line for each reason why somebody should look, and ends with 3, or
prints `ok` and ends with 0; `status` alone ends with 0 whatever it shows. A resource that is off is a reason only while
its deletions are held; a point that a person has paused is none.

| exit code | means |
| --- | --- |
| 0 | done |
| 1 | something unexpected; `--debug` shows where |
| 2 | wrong usage, or a configuration, catalogue, installation or database that does not fit |
| 3 | finished, but something is incomplete, see below |
| 4 | a source refused the credentials |
| 5 | a source, the database or (for `check`) the broker is out of reach; (for `export`) the disk has no room |
| 6 | the record was altered: `verify` names where, and `prove` proves nothing |
| 130 | ended by Ctrl-C, by a no, or by nobody who could be asked |

Incomplete (3) is: a scan that is not complete or is held, a delivery dead or still owed, a list refused, a point that
does not answer, a reason of `status --check`, a difference of `diff --check`, drift that `verify --live` finds, an
`erase` that leaves something to do by hand; a record that was never seen or was not there at the moment asked for, a
change that does not exist, and a look-up without a hit. Of several, `check` ends with 2 before 4, 4 before 5, and
5 before 3; `sync` with 1 before 4, 4 before 5, and 5 before 3.

A change is seen at the next look, so of a moment between two looks nobody knows on which side of it the change came.
`show --at` then gives both rows, and `diff` marks the record with `~` and gives each difference that may be. What the
commands that speak of the past give with `--json`:

| command | `--json` |
| --- | --- |
| `show --at` | the row; between two looks `{"uncertain": true, "observed_after", "observed_at", "either": [row or null, row]}` |
| `diff` | `{"source", "resource", "parent_key", "key", "kind", "fields": [{"pointer", "old", "new"}], "uncertain"}`; where it is uncertain also `either`: each `{"kind", "fields"}` that may be, null for no difference, the one that was seen first |
| `diff --steps` | also `steps`, and `kind` is null where nothing differs in the end; `first_seen` is true of what a first scan saw in between |
| `history --field` | `{"value", "version", "kind", "observed_after", "observed_at", "told": [{"point", "state", "at", "status"}]}` |

A value that is missing is null, and `value_is`, `old_is` or `new_is` beside it says `absent` or `erased`.

By whom a record was changed the API does not tell, so no command can: the log knows what changed, and between which two
looks. Who approved, edited a point or had deliveries tried again is kept: `mirrorpoint actions`.
"""

#: What only makes sense beside the command.
_REMARKS = {
    "sandbox api": "Its options are those of the sandbox: [sandbox](sandbox.md).",
    "sandbox receiver": "Its options are those of the sandbox: [sandbox](sandbox.md).",
    "sandbox story": "Its options are those of the sandbox: [sandbox](sandbox.md).",
}


def page() -> str:
    """The whole page."""
    commands = list(every_command())
    overview = [(f"[`{name}`](#{anchor(name)})", _in_short(command)) for name, command in commands]
    return markdown.page(
        "Commands",
        _INTRODUCTION,
        "## All of them",
        markdown.table(("command", "does"), overview),
        "## Before the command",
        markdown.table(("option", "default", "meaning"), _options(_root())),
        *(_section(name, command) for name, command in commands),
    )


def every_command() -> Iterator[tuple[str, Any]]:
    """Each command that does something, by the words that call it: `sync`, `points add`."""
    for name, command in _root().commands.items():
        below = getattr(command, "commands", {})
        if not below or command.params:  # a group without options only shows its commands
            yield name, help_texts.polished(command)
        for inner, inner_command in below.items():
            yield f"{name} {inner}", help_texts.polished(inner_command)


def anchor(name: str) -> str:
    """What a heading is called in links."""
    return f"mirrorpoint-{name.replace(' ', '-')}"


def _root() -> Any:
    import typer

    from worker.__main__ import app

    return typer.main.get_command(app)


def _section(name: str, command: Any) -> str:
    arguments = [help_texts.usage(one) for one in command.params if one.param_type_name == "argument"]
    rows = list(_options(command))
    options = ["[OPTIONS]"] if len(rows) > len(arguments) or name in _REMARKS else []
    parts = [f"## `mirrorpoint {name}`", _text(command)]
    if name in _REMARKS:
        parts.append(_REMARKS[name])
    parts.append(markdown.block("text", " ".join(["mirrorpoint", name, *options, *arguments])))
    if rows:
        parts.append(markdown.table(("argument or option", "default", "meaning"), rows))
    example = (command.epilog or "").removeprefix("Example: ")
    if example:
        parts += ["Example:", markdown.block("sh", example)]
    return "\n\n".join(parts)


def _text(command: Any) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))


def _in_short(command: Any) -> str:
    return _text(command).split("\n\n")[0]


def _options(command: Any) -> Iterator[tuple[str, str, str]]:
    for option in command.params:
        if option.param_type_name == "argument":
            names = markdown.code(help_texts.usage(option))
        else:
            names = markdown.codes(_with_value(option, word) for word in (*option.opts, *option.secondary_opts))
        yield names, _default(option), option.help or ""


def _with_value(option: Any, word: str) -> str:
    return word if option.is_flag else f"{word} {option.metavar or option.name.upper()}"


def _default(option: Any) -> str:
    if option.required:
        return "required"
    if getattr(option, "is_flag", False):
        if not option.secondary_opts or option.default is None:
            return ""
        return markdown.code(option.opts[0] if option.default else option.secondary_opts[0])
    return markdown.code(str(option.default)) if option.default not in (None, "", 0) else ""
