"""Where files of exports lie: a folder of the portal, or any of Django's storages (STORAGES)."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage, storages

CHUNK = 1 << 20  # bytes
UNFINISHED = ".export-"  # how names of files begin that are not whole yet
# An unfinished file is locked by its writer, but not in the instant in which it is made.
LEFT_SECONDS = 3600


def storage_of(name: str) -> Storage:
    """The storage of this name in settings.STORAGES."""
    return storages[name]


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears under its name complete or not at all, readable by its owner only."""
    remove_left(path.parent.glob(f"{UNFINISHED}*"))
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=UNFINISHED)
    try:
        with os.fdopen(handle, "wb") as file, locked(handle):
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:  # also KeyboardInterrupt, or the end of a worker
        Path(temporary).unlink(missing_ok=True)
        raise


@contextmanager
def locked(handle: int) -> Iterator[None]:
    """Marks an unfinished file or folder as being written: the lock ends with its process."""
    fcntl.flock(handle, fcntl.LOCK_EX)
    yield


def remove_left(paths: Iterable[Path]) -> int:
    """Remove unfinished files and folders whose writer is dead, an hour after its last sign."""
    removed = 0
    for path in paths:
        # Another worker may have removed it, or it is another user's.
        with suppress(OSError):
            removed += _remove_if_left(path)
    return removed


def _remove_if_left(path: Path) -> bool:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        found = os.fstat(handle)
        with tempfile.TemporaryFile(dir=path.parent) as new:
            # By the clock of the file system, which may be another machine's.
            age = os.fstat(new.fileno()).st_mtime - found.st_mtime
        if found.st_uid != os.geteuid() or age < LEFT_SECONDS:
            return False
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
        return True
    finally:
        os.close(handle)


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

    def remove_left(self) -> int:
        """Remove what writers that died left behind."""
        return remove_left(Path(self.location).rglob(f"{UNFINISHED}*"))

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def _save(self, name: str, content: File[Any]) -> str:
        path = Path(self.path(name))
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with whole_file(path) as file:
            for chunk in content.chunks(CHUNK):
                file.write(chunk)
        return name
