"""Uploaded files on their way to a worker: stored, and how far the work on them is."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from redis import RedisError

from dataio.csv_in import SAVE_AS_CSV, BadFile


def csv_by_name(file: UploadedFile[Any]) -> None:
    """Validator of a field for a CSV: what it is called tells early, and what to do."""
    ending = Path(file.name or "").suffix.casefold()
    if ending in (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".numbers", ".cell"):
        raise ValidationError(SAVE_AS_CSV)
    if ending not in (".csv", ".txt"):
        raise ValidationError(_("Send a CSV: a file whose name ends in .csv or .txt."))


def store(file: UploadedFile[Any], path: Path) -> None:
    """Write a file that the portal's account only can read."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as target:
        for chunk in file.chunks():
            target.write(chunk)


def count_lines(path: Path) -> int:
    """Raises BadFile."""
    lines, last = 0, b""
    try:
        with path.open("rb") as file:
            for piece in iter(lambda: file.read(1 << 20), b""):
                lines, last = lines + piece.count(b"\n"), piece[-1:]
    except OSError as error:  # another machine's, or dropped
        raise BadFile(_("The file can't be opened: %s.") % (error.strerror or error)) from error
    return lines + (last not in (b"", b"\n"))  # a last line may have no end


def remember_progress(key: str, done: int, total: int) -> None:
    """In the cache, since the work's own transaction would hide a row until its end."""
    with suppress(RedisError):
        cache.set(key, (done, total), timeout=3600)


def progress_of(key: str) -> tuple[int, int] | None:
    """(Lines done, lines) of the work that goes on; None if unknown."""
    try:
        progress: tuple[int, int] | None = cache.get(key)
    except RedisError:
        return None
    return progress
