"""Starts the sandbox's servers, or plays the story against one: `python -m sandbox api|receiver|story`."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, NoReturn
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import orjson

from sandbox.arguments import parser, why_not_bound

if TYPE_CHECKING:
    from sandbox.api import Api
    from sandbox.receiver import Receiver


def main(arguments: list[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    if options.command == "story":
        _play(options.url.rstrip("/"), pause_seconds=options.pause)
        return
    from sandbox import serving
    from sandbox.exchange import Asgi

    app: Asgi = _api(options) if options.command == "api" else _receiver(options)
    try:
        listener = serving.listen(options.host, options.port)
    except (OSError, UnicodeError) as error:
        _refuse(why_not_bound(error, host=options.host, port=options.port))
    serving.run(app, listener, name=options.command, is_bound_to_parent=options.die_with_parent)


def _api(options: argparse.Namespace) -> Api:
    from sandbox.api import Api
    from sandbox.options import Options
    from sandbox.world import World

    known = Options(
        email=options.email,
        password=options.password,
        token_seconds=options.token_seconds,
        max_limit=options.max_limit,
        receiver_url=options.receiver_url,
    )
    return Api(World(seed=options.seed, scale=options.scale, counts=dict(options.count)), known)


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
        except (OSError, ValueError) as error:  # out of reach, or a server that is no sandbox
            if isinstance(error, HTTPError) and error.code == 400:
                return
            _refuse(f"--url {url}: no sandbox answers there; start one with `mirrorpoint sandbox api` and give its url")
        sys.stdout.write(f"{step['step']:>2}/{step['of']}  {step['sentence']}\n")
        sys.stdout.flush()
        time.sleep(pause_seconds)


def _refuse(sentence: str) -> NoReturn:
    sys.stderr.write(f"error: {sentence}\n")
    sys.exit(2)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
