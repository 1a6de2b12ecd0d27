"""Readers of the feed lose nothing and are told nothing twice, however often the process that serves it is killed."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from changes.records import Change, Id, Kind
from storage import change_log, history
from storage.engine import Database
from tests import shop, waiting
from tests.end_to_end.stage import Stage

TOKEN = "reader-token-12345"
#: The soak kills it more often.
KILLS = int(os.environ.get("KILLS", "4"))
WRITERS = 4


class Writers:
    """Four who append to the log all the time; slowly enough for readers to follow on a small machine."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(number,)) for number in range(WRITERS)]

    def __enter__(self) -> Writers:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stop.set()
        for each in self._threads:
            each.join()

    def _write(self, writer: int) -> None:
        database, number = Database(self._url), 0
        while not self._stop.wait(0.1):
            number += 1
            with database.write() as session:
                change_log.append(session, [_change(f"{writer}-{number}-{part}") for part in range(1 + number % 4)])
        database.dispose()


def _change(key: str) -> Change:
    return Change(
        source="shop", resource="things", id=Id("", key), version=1, kind=Kind.CREATED, changed=("",), previous={},
        document={"id": key}, observed_after=None, observed_at=shop.NOON, scan_id="s",
    )  # fmt: skip


class Reader:
    """Goes on from the last id that it has, whatever happens in between."""

    def __init__(self, url: str) -> None:
        self.got: list[str] = []
        self.is_done = threading.Event()
        self.surprise: BaseException | None = None
        self._client = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False, timeout=20
        )
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def end(self) -> None:
        self.is_done.set()
        self._thread.join()
        self._client.close()
        if self.surprise is not None:
            raise self.surprise

    def _run(self) -> None:
        while not self.is_done.is_set():
            try:
                for id_ in self._next():
                    self.got.append(id_)
            except httpx.TransportError:
                time.sleep(0.05)  # as any reader pauses before it tries again
            except BaseException as error:  # noqa: BLE001  # told when the test ends
                self.surprise = error
                return

    def _next(self) -> Iterator[str]:
        """The reference loop: one request, all of its events, then from the last of them on."""
        last = {"lastEventId": self.got[-1]} if self.got else {}
        answer = self._client.get("/feed", params={**last, "timeout": 1000, "limit": 50})
        answer.raise_for_status()
        yield from [event["id"] for event in answer.json()]


class Streamer(Reader):
    """The same as a stream."""

    def _next(self) -> Iterator[str]:
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": self.got[-1]} if self.got else {})}
        with self._client.stream("GET", "/feed", headers=headers) as stream:
            stream.raise_for_status()
            id_ = ""
            for line in stream.iter_lines():
                if line.startswith("id: "):
                    id_ = line.removeprefix("id: ")
                elif line.startswith("data: "):
                    assert json.loads(line.removeprefix("data: "))["id"] == id_
                    yield id_
                if self.is_done.is_set():
                    return


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def test_readers_lose_and_double_nothing_under_kills(stage: Stage, tmp_path: Path, database_url: str) -> None:
    file = shop.configure(tmp_path)
    file.write_text(
        f'{file.read_text()}\n[storage]\nurl = "{database_url}"\n'
        f'[[serve.tokens]]\nname = "reader"\ntoken = "{TOKEN}"\nrole = "read"\n'
    )
    database = shop.prepared(tmp_path, database_url)
    address = f"127.0.0.1:{_free_port()}"

    def serve() -> Any:
        return stage.start("serve", "--listen", address)

    def answers() -> bool:
        with socket.socket() as one:
            one.settimeout(1)
            host, _, port = address.partition(":")
            return one.connect_ex((host, int(port))) == 0

    process = serve()
    readers = [Reader(f"http://{address}"), Streamer(f"http://{address}")]
    try:
        with Writers(database_url) as writers:
            for _ in range(KILLS):
                before = min(len(each.got) for each in readers)
                stage.until(lambda before=before: min(len(each.got) for each in readers) > before, "the readers read")
                process.kill()
                process.wait()
                process = serve()
                stage.until(answers, "it serves again")
            writers.stop()
            with database.read() as session:
                written = [row.id for row in history.read(session, limit=1_000_000)]
            waiting.until(
                lambda: all(len(each.got) >= len(written) or each.surprise for each in readers),
                seconds=60,
                what=lambda: f"{[len(each.got) for each in readers]} of {len(written)}",
            )
    finally:
        for each in readers:
            each.end()
        database.dispose()
    assert len(written) > KILLS
    assert [each.got for each in readers] == [written, written]
