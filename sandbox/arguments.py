"""The command line of the sandbox: what may be given, and one sentence for what may not."""

from __future__ import annotations

import argparse
import base64
import binascii
import difflib
import errno
import math
from typing import NoReturn

_HIGHEST_PORT = 65535


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, as the other commands do; `--help` shows all options."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message.removeprefix('argument ')}\n")


def parser() -> argparse.ArgumentParser:
    """Refuses, with exit code 2, what the sandbox could only break on later."""
    whole = _Parser(prog="mirrorpoint sandbox", description="APIs to mirror, a receiver for webhooks, a story.")
    commands = whole.add_subparsers(dest="command", required=True)
    api = commands.add_parser("api", help="Back Office, integration platform and a foreign API on one port")
    receiver = commands.add_parser("receiver", help="receives webhooks and checks their signatures")
    for command in (api, receiver):
        command.add_argument("--host", default="127.0.0.1", help="where it listens; 127.0.0.1 where none is given")
        command.add_argument("--port", type=_port, default=0, help="0: a free one, told in the first line of output")
        command.add_argument("--die-with-parent", action="store_true", help="end when the parent process ends (Linux)")
    api.add_argument("--seed", type=_whole, default=1, help="another seed, another world")
    api.add_argument("--scale", type=_from_one, default=1, help="so many times the usual rows")
    api.add_argument("--count", type=_count, action="append", default=[], metavar="PATH=N", help="rows of one list")
    api.add_argument("--email", default="mirror@example.com", help="who may sign in (mirror@example.com)")
    api.add_argument("--password", default="sandbox", help="with which password (sandbox)")
    api.add_argument("--token-seconds", type=_seconds, default=3600, help="how long an access token is good")
    api.add_argument("--max-limit", type=_from_one, default=500, help="most rows of a page")
    api.add_argument("--receiver-url", type=_url, default="", help="integration points get urls below it")
    receiver.add_argument("--secret", type=_secret, default="", help="whsec_...: signatures are checked with it")
    receiver.add_argument("--token", default="", help="the bearer token that is wanted")
    receiver.add_argument("--show", action="store_true", help="print a line for each event")
    story = commands.add_parser("story", help="plays the script of changes against a running api")
    story.add_argument("--url", type=_url, required=True, help="what the api has told in its first line")
    story.add_argument("--pause", type=_pause, default=1.5, help="seconds between the steps")
    return whole


def why_not_bound(error: OSError | UnicodeError, *, host: str, port: int) -> str:
    """Why nothing can listen there, with the option that cures it; `error` is what binding raised."""
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"--port {port}: something else listens on it; give another port, or none, which takes a free one"
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM):
        return f"--port {port}: this user may not listen on it; give one above 1023, or none, which takes a free one"
    return f"--host {host}: this machine has no such address; give one that it has, or none, which is 127.0.0.1"


def _port(given: str) -> int:
    port = _number(given)
    if port is None or not 0 <= port <= _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(
            f'"{given}" is no port; give a number up to {_HIGHEST_PORT}, or none, which takes a free one'
        )
    return port


def _whole(given: str) -> int:
    number = _number(given)
    if number is None:
        raise argparse.ArgumentTypeError(f'"{given}" is no whole number; give one like 1')
    return number


def _from_one(given: str) -> int:
    number = _number(given)
    if number is None or number < 1:
        raise argparse.ArgumentTypeError(f'"{given}" is no whole number from 1 on; give 1 or more')
    return number


def _count(given: str) -> tuple[str, int]:
    from sandbox import endpoints

    path, _, count = given.rpartition("=")
    number = _number(count)
    if not path or number is None or number < 0:
        raise argparse.ArgumentTypeError(
            f'"{given}" is no PATH=N with a whole number from 0 on; write it like /api/v2/products=1000'
        )
    if path not in endpoints.BY_PATH:
        near = difflib.get_close_matches(path, endpoints.BY_PATH, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise argparse.ArgumentTypeError(f"there is no list {path}; {meant}GET /_sandbox/endpoints names all of them")
    return path, number


def _seconds(given: str) -> float:
    seconds = _decimal(given)
    if not seconds or not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f'"{given}" is no time; give seconds, more than 0')
    return seconds


def _pause(given: str) -> float:
    seconds = _decimal(given)
    if seconds is None or not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f'"{given}" is no time; give seconds, 0 or more')
    return seconds


def _url(given: str) -> str:
    if given and not given.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f'"{given}" is no URL; write it like http://127.0.0.1:8088')
    return given


def _secret(given: str) -> str:
    try:
        base64.b64decode(given.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise argparse.ArgumentTypeError("it is no secret; write whsec_ and the key in base64") from None
    return given


def _number(given: str) -> int | None:
    try:
        return int(given)
    except ValueError:
        return None


def _decimal(given: str) -> float | None:
    try:
        return float(given)
    except ValueError:
        return None
