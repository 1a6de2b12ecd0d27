"""Starts the sandbox's servers, or plays the story against one: `python -m sandbox api|receiver|story`."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import orjson

if TYPE_CHECKING:
    from sandbox.api import Api
    from sandbox.receiver import Receiver


def main(arguments: list[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    if options.command == "story":
        _play(options.url.rstrip("/"), pause_seconds=options.pause)
        return
    from sandbox import serving
    from sandbox.exchange import Asgi

    app: Asgi = _api(options) if options.command == "api" else _receiver(options)
    serving.run(app, host=options.host, port=options.port, name=options.command,
                is_bound_to_parent=options.die_with_parent)  # fmt: skip


def _api(options: argparse.Namespace) -> Api:
    from sandbox.api import Api
    from sandbox.options import Options
    from sandbox.world import World

    counts = {path: int(count) for path, _, count in (one.rpartition("=") for one in options.count)}
    known = Options(
        email=options.email,
        password=options.password,
        token_seconds=options.token_seconds,
        max_limit=options.max_limit,
        receiver_url=options.receiver_url,
    )
    return Api(World(seed=options.seed, scale=options.scale, counts=counts), known)


def _receiver(options: argparse.Namespace) -> Receiver:
    from sandbox.receiver import Receiver

    def show(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    return Receiver(secret=options.secret, token=options.token, show=show if options.show else None)


def _play(url: str, *, pause_seconds: float) -> None:
    while True:
        try:
            request = Request(f"{url}/_sandbox/story/next", method="POST")  # noqa: S310 - the url is the user's own
            with urlopen(request) as answer:  # noqa: S310
                step = orjson.loads(answer.read())
        except HTTPError as error:
            if error.code != 400:
                raise
            return
        sys.stdout.write(f"{step['step']:>2}/{step['of']}  {step['sentence']}\n")
        sys.stdout.flush()
        time.sleep(pause_seconds)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sandbox", description="APIs to mirror, a receiver for webhooks, a story.")
    commands = parser.add_subparsers(dest="command", required=True)
    api = commands.add_parser("api", help="Back Office, integration platform and a foreign API on one port")
    receiver = commands.add_parser("receiver", help="receives webhooks and checks their signatures")
    for command in (api, receiver):
        command.add_argument("--host", default="127.0.0.1")
        command.add_argument("--port", type=int, default=0, help="0: a free one, told in the first line of output")
        command.add_argument("--die-with-parent", action="store_true", help="end when the parent process ends (Linux)")
    api.add_argument("--seed", type=int, default=1, help="another seed, another world")
    api.add_argument("--scale", type=int, default=1, help="so many times the usual rows")
    api.add_argument("--count", action="append", default=[], metavar="PATH=N", help="rows of one list")
    api.add_argument("--email", default="mirror@example.com")
    api.add_argument("--password", default="sandbox")
    api.add_argument("--token-seconds", type=float, default=3600, help="how long an access token is good")
    api.add_argument("--max-limit", type=int, default=500, help="most rows of a page")
    api.add_argument("--receiver-url", default="", help="integration points get urls below it")
    receiver.add_argument("--secret", default="", help="whsec_...: signatures are checked with it")
    receiver.add_argument("--token", default="", help="the bearer token that is wanted")
    receiver.add_argument("--show", action="store_true", help="print a line for each event")
    story = commands.add_parser("story", help="plays the script of changes against a running api")
    story.add_argument("--url", required=True)
    story.add_argument("--pause", type=float, default=1.5, help="seconds between the steps")
    return parser


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
