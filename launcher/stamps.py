"""Which steps of a start can be skipped, as their files have not changed."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from launcher.home import ROOT


class FileStamp:
    """Remembers in `file` for which state of `sources` (and `more`) a step was done."""

    def __init__(self, file: Path, sources: Iterable[Path], more: bytes = b"") -> None:
        self.file = file
        digest = hashlib.sha256(more)
        for path in sorted(sources):
            status = path.stat()
            digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
        self.stamp = digest.hexdigest()

    @property
    def is_current(self) -> bool:
        return self.file.exists() and self.file.read_text() == self.stamp

    def keep(self) -> None:
        self.file.write_text(self.stamp)


def migrations() -> list[Path]:
    """The project's migrations with the grants, and the lock file, for those of the packages."""
    own = [*ROOT.glob("*/migrations/*.py"), *ROOT.glob("queue/*/migrations/*.py")]
    return [*own, ROOT / "database" / "grants.tsv", ROOT / "requirements" / "run.txt"]


def static_sources() -> list[Path]:
    """The project's static files, and the lock file, which stands for those of the packages.

    Only below Python packages: `var/static` is the target of collectstatic."""
    packages = [*ROOT.glob("*/__init__.py"), *ROOT.glob("queue/*/__init__.py")]
    folders = [ROOT / "static", *(package.parent / "static" for package in packages)]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    settings = [ROOT / "requirements" / "run.txt", *ROOT.glob("config/settings/*.py")]
    return [*files, *settings]
