"""Files that everybody may read without Django's help: written by jobs under JARI_HOME/open, each
complete under its name or not at all, with a packed twin for clients that take gzip."""

import fcntl
import gzip
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase
from django.utils.cache import get_conditional_response, patch_vary_headers

from web.encodings import coding_for

# The lowest level: these files repeat themselves so much that more would save little.
_LEVEL = 1
_BLOCK = 1 << 18  # bytes that are packed at a time
_ASIDE = ".part-"
_DIGESTS = ".digests.json"


def folder_of(name: str) -> Path:
    return Path(settings.HOME) / "open" / name


@contextmanager
def only_writer(folder: Path) -> Iterator[bool]:
    """Whether this process alone writes the folder now; False while another one does."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            # Of a writer that was killed.
            for path in folder.glob(f"{_ASIDE}*"):
                path.unlink()
            yield True


class Publication:
    """Files of one folder that appear together; those whose content did not change stay as they
    are, with their time and ETag, and those that were not written again go.

    Packing is done by a thread beside: zlib works without the interpreter's lock.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, _Aside] = {}
        self._stack = ExitStack()
        self._packer = ThreadPoolExecutor(1, thread_name_prefix="gzip")

    def __enter__(self) -> "Publication":
        return self

    def __exit__(self, *error: object) -> None:
        self._packer.shutdown()
        self._stack.close()

    def write(self, name: str, data: bytes) -> None:
        file = self._files.get(name)
        if file is None:
            file = self._files[name] = _Aside(self.folder, self._packer)
            self._stack.callback(file.discard)
        file.write(data)

    def publish(self, last: str) -> int:
        """Put all files under their names, `last` after the others, which it lists. Returns how
        many are new."""
        names = sorted(self._files, key=lambda name: name == last)
        digests = {name: self._files[name].finish() for name in names}
        before = self._read_digests()
        new = [name for name in names if before.get(name) != digests[name]]
        for name in new:
            self._files[name].put_under(self.folder / name)
        for path in self.folder.iterdir():
            if not path.name.startswith(".") and path.name.removesuffix(".gz") not in digests:
                path.unlink()
        if new or before != digests:
            aside = self.folder / f"{_DIGESTS}.new"
            aside.write_text(json.dumps(digests))
            aside.replace(self.folder / _DIGESTS)
        return len(new)

    def _read_digests(self) -> dict[str, str]:
        """Of the files that lie there; {} where they are not as they were written."""
        try:
            digests: dict[str, str] = json.loads((self.folder / _DIGESTS).read_bytes())
        except (OSError, ValueError):
            return {}
        return {
            name: digest
            for name, digest in digests.items()
            if (self.folder / name).exists() and (self.folder / f"{name}.gz").exists()
        }


class _Aside:
    """A file and its packed twin under names of their own, until they are complete."""

    def __init__(self, folder: Path, packer: ThreadPoolExecutor) -> None:
        self._plain, self._packed = _temporary(folder), _temporary(folder)
        self._gzip = gzip.GzipFile("", "wb", _LEVEL, self._packed, mtime=0)
        self._digest = hashlib.blake2b(digest_size=16)
        self._packer, self._packing = packer, list[Future[int]]()
        self._waiting = bytearray()

    def write(self, data: bytes) -> None:
        self._waiting += data
        if len(self._waiting) >= _BLOCK:
            self._write_block()

    def _write_block(self) -> None:
        data, self._waiting = self._waiting, bytearray()
        self._packing.append(self._packer.submit(self._gzip.write, data))
        self._plain.write(data)
        self._digest.update(data)

    def finish(self) -> str:
        """The digest of the content; both files are on the disk then."""
        self._write_block()
        for packing in self._packing:
            packing.result()
        self._gzip.close()
        for file in (self._plain, self._packed):
            file.flush()
            os.fchmod(file.fileno(), 0o644)  # mkstemp's 0600 would keep a web server out
            file.close()
        return self._digest.hexdigest()

    def put_under(self, path: Path) -> None:
        os.replace(self._packed.name, f"{path}.gz")
        os.replace(self._plain.name, path)

    def discard(self) -> None:
        """Remove what did not get its name."""
        for file in (self._plain, self._packed):
            file.close()
            Path(file.name).unlink(missing_ok=True)


def _temporary(folder: Path) -> IO[bytes]:
    handle, name = tempfile.mkstemp(dir=folder, prefix=_ASIDE)
    os.close(handle)
    return open(name, "wb")


def open_file(
    request: HttpRequest, path: Path, *, content_type: str, seconds: int
) -> HttpResponseBase:
    """The file, its packed twin, or 304; cached for `seconds`. Raises Http404."""
    coding = coding_for(request.headers.get("Accept-Encoding", ""), ["gzip"])
    try:
        file = Path(f"{path}.gz" if coding else path).open("rb")  # noqa: SIM115 - the response's
    except OSError:
        raise Http404 from None
    # Of the open file: another one may have its name by now.
    stat = os.fstat(file.fileno())
    etag = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"'
    answer: HttpResponseBase | None = get_conditional_response(request, etag, int(stat.st_mtime))
    if answer is not None:
        file.close()
    else:
        # Its own name, not that of the packed twin, for readers who save it.
        answer = FileResponse(file, filename=path.name, content_type=content_type)
        if coding:
            answer["Content-Encoding"] = coding
    answer["ETag"] = etag
    answer["Cache-Control"] = f"public, max-age={seconds}"
    answer["Access-Control-Allow-Origin"] = "*"  # for pages of others: nothing here is anybody's
    patch_vary_headers(answer, ["Accept-Encoding"])
    return answer
