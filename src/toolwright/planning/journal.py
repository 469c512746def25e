"""The journal of an execution: one JSON object a line, on the disk before anything goes on.

A line is written before each call and after it, and `fsync`ed, so that after a crash at any moment the journal tells which calls ended, which may have had
their effect, and which never began. A last line that a crash tore is cut off.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from toolwright.types import JSON, InputError


class Journal:
    """Events in order, read back from the file when there is one.

    Args:
        path: the file; None keeps the events in memory only, and nothing can be resumed.
        listener: is told each new event, to show it.

    Raises:
        InputError: the file holds a line, other than a torn last one, that is no event.
    """

    def __init__(self, path: Path | None = None, listener: Callable[[JSON], None] | None = None) -> None:
        self.path = path
        self.listener = listener
        self.events: list[JSON] = []
        self._file: int | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            self._recall(path)

    def _recall(self, path: Path) -> None:
        written = path.read_bytes()
        whole = written[: written.rfind(b"\n") + 1]
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                event = json.loads(line)
            except ValueError as error:
                raise InputError(f"{path}:{number}: not JSON ({error}); expected a journal, one event a line") from error
            if not isinstance(event, dict) or not isinstance(event.get("event"), str):
                raise InputError(f"{path}:{number}: got {line[:60]!r}; expected an object with an 'event'")
            self.events.append(event)
        if self._file is not None and len(whole) < len(written):
            os.ftruncate(self._file, len(whole))

    def write(self, event: str, **fields: object) -> JSON:
        """Add an event; when this returns it is on the disk."""
        entry: JSON = {"event": event, **fields}
        if self._file is not None:
            os.write(self._file, (json.dumps(entry, ensure_ascii=True) + "\n").encode())
            os.fsync(self._file)
        self.events.append(entry)
        if self.listener is not None:
            self.listener(entry)
        return entry

    def last(self, *events: str) -> JSON | None:
        """The latest event of one of these kinds."""
        return next((entry for entry in reversed(self.events) if entry["event"] in events), None)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
