"""A storage that stops in the middle of a file, for a worker to be killed there."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.files.base import File

from reports.storage import WholeFileStorage


class HaltingStorage(WholeFileStorage):
    """Makes the file `halted` beside its folder when half of a file is written, and waits there."""

    def _save(self, name: str, content: File[Any]) -> str:
        return super()._save(name, Halting(content, Path(f"{self.location}.halted")))


class Halting(File):
    def __init__(self, content: File[Any], mark: Path) -> None:
        super().__init__(content.file)
        self.mark = mark

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        data = self.read()
        yield data[: len(data) // 2]
        self.mark.touch()
        time.sleep(600)  # the worker is killed here
        yield data[len(data) // 2 :]
