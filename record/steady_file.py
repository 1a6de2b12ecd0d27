"""A file for libraries that do not bear it when writing fails; used by the writers of workbooks and of Parquet.

One of them ends in a panic, the other writes again while it is cleared away, and complains once more.
"""

from __future__ import annotations

import io
import os
from pathlib import Path


class SteadyFile(io.RawIOBase):
    """Its first failure stays in `failure`; what is written after it, or after `end`, goes nowhere and does no harm.

    With `is_silent` that failure is not raised: the caller looks for it.
    """

    def __init__(self, path: Path, *, is_silent: bool = False) -> None:
        super().__init__()
        self.failure: OSError | None = None
        self._is_silent = is_silent
        self._has_ended = False
        self._file = path.open("wb", buffering=0)

    def end(self) -> None:
        """Nothing that is written from now on reaches the file."""
        self._has_ended = True
        self._file.close()

    def write(self, data: bytes | memoryview, /) -> int:  # type: ignore[override]  # whatever holds bytes
        with memoryview(data) as given, given.cast("B") as left:
            done = 0
            while done < len(left) and not self._has_ended:
                try:
                    done += self._file.write(left[done:])
                except OSError as error:
                    self.failure = error
                    self.end()
                    if not self._is_silent:
                        raise
            return len(left)

    def flush(self) -> None:
        """Nothing is held back; and one library flushes what it wrote before the end when it is cleared away."""

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return 0 if self._has_ended else self._file.seek(offset, whence)

    def tell(self) -> int:
        return 0 if self._has_ended else self._file.tell()

    def close(self) -> None:
        if not self.closed:
            self.end()
        super().close()
