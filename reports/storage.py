"""Where files of exports lie: a folder of the portal, or any of Django's storages (STORAGES)."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage, storages

CHUNK = 1 << 20  # bytes


def storage_of(name: str) -> Storage:
    """The storage of this name in settings.STORAGES."""
    return storages[name]


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears under its name complete or not at all, readable by its owner only."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".export-")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:  # also KeyboardInterrupt, or the end of a worker
        Path(temporary).unlink(missing_ok=True)
        raise


class WholeFileStorage(FileSystemStorage):
    """A folder of whole files. A file of the same name is replaced."""

    def __init__(self, location: str = "", **options: Any) -> None:
        super().__init__(**options)
        self._folder = location

    @property
    def base_location(self) -> str:
        return self._folder or str(Path(settings.HOME) / "exports")

    @property
    def location(self) -> str:
        return os.path.abspath(self.base_location)

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def _save(self, name: str, content: File[Any]) -> str:
        path = Path(self.path(name))
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with whole_file(path) as file:
            for chunk in content.chunks(CHUNK):
                file.write(chunk)
        return name
