"""JARI_HOME: the files of one portal on this machine (default var/).

secrets.env     keys and passwords, created once; the data can't be decrypted without them
addresses.env   DATABASE_URL and REDIS_URL of the running portal
postgres.made   marks that postgres/ has data
postgres/  valkey/  outbox/  static/  log/  run/
"""

import base64
import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from launcher.errors import LauncherError

ROOT = Path(__file__).resolve().parent.parent
NEEDED_MEGABYTES = 400  # cluster, sample campaign and logs, with room to grow
# Reasons why a file can't be written that the user can remove.
NO_WRITING = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}
_NOTE = "Keys and passwords of this portal. Keep a copy: without it the data is lost."
DJANGO_SECRETS = ("SECRET_KEY", "JARI_INDEX_KEYS", "JARI_DATA_KEYS", "JARI_LOG_KEYS")

OWNER_URL = "DATABASE_OWNER_URL"  # of the tables' owner; DATABASE_URL is the application's
ROLE_PASSWORDS = ("POSTGRES_OWNER_PASSWORD", "POSTGRES_APP_PASSWORD")


def home_folder(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("JARI_HOME") or ROOT / "var").expanduser().absolute()


def fill_environment(environ: MutableMapping[str, str]) -> None:
    """Set variables from JARI_HOME's files that the environment lacks."""
    home = home_folder(environ)
    # Another database is given: the owner of the portal's own has no rights in it.
    skipped = {OWNER_URL} if environ.get("DATABASE_URL") else set()
    for file in (home / "secrets.env", home / "addresses.env"):
        # Unreadable: the settings report the missing variables.
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            for name, value in read_env(file).items():
                if name not in skipped:
                    environ.setdefault(name, value)


def read_env(file: Path) -> dict[str, str]:
    lines = (line.strip() for line in file.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def write_env(file: Path, values: Mapping[str, str], *, note: str) -> None:
    """Replace `file` atomically; it is readable by its owner only from the first byte."""
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(f"# {note}\n" + "".join(f"{name}={value}\n" for name, value in values.items()))
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)


def new_secrets() -> dict[str, str]:
    return {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "JARI_INDEX_KEYS": "1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
        "JARI_DATA_KEYS": "1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
        "JARI_LOG_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
        "POSTGRES_PASSWORD": secrets.token_hex(16),
        **{name: secrets.token_hex(16) for name in ROLE_PASSWORDS},
        "VALKEY_PASSWORD": secrets.token_hex(16),
    }


class Home:
    """Paths below JARI_HOME, and its secrets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.run = folder / "run"
        self.postgres = folder / "postgres"
        self.postgres_mark = folder / "postgres.made"
        self.valkey = folder / "valkey"
        self.static = folder / "static"
        self.secrets_file = folder / "secrets.env"
        self.addresses_file = folder / "addresses.env"

    def prepare(self) -> None:
        """Create the folders; LauncherError if they can't be written or the disk is nearly full."""
        try:
            # Private, as outbox/ holds sign-in codes. Started by root, Postgres runs as another
            # user, who must pass through.
            self.folder.mkdir(mode=0o700 if os.geteuid() else 0o711, parents=True, exist_ok=True)
            for folder in (self.log, self.run, self.static):
                folder.mkdir(exist_ok=True)
            probe = self.run / "probe"
            probe.write_text("can we write?\n")
            probe.unlink()
            free = shutil.disk_usage(self.folder).free // 1_000_000
        except OSError as refused:
            raise LauncherError(could_not_write(self.folder, refused)) from refused
        if free < NEEDED_MEGABYTES and not self.postgres.exists():
            raise LauncherError(
                f"The disk is almost full: {free} MB are free at {self.folder}, "
                f"{NEEDED_MEGABYTES} MB are needed. Make room, or set JARI_HOME to another disk."
            )

    def load_secrets(self) -> dict[str, str]:
        """The secrets, created at the first start.

        Raises LauncherError if they are missing while there is data: new ones could not read it.
        """
        if not self.secrets_file.exists():
            if (self.postgres / "data").exists() or self.postgres_mark.exists():
                raise LauncherError(
                    f"{self.secrets_file} is missing, but the data beside it was written with it: "
                    f"put it back, or begin anew by removing {self.folder}."
                )
            write_env(self.secrets_file, new_secrets(), note=_NOTE)
        stored = read_env(self.secrets_file)
        if not stored.keys() >= {*DJANGO_SECRETS, *ROLE_PASSWORDS}:
            # Written by an earlier version: secrets it did not know are added, none is replaced.
            stored = new_secrets() | stored
            write_env(self.secrets_file, stored, note=_NOTE)
        return stored


def could_not_write(folder: Path, refused: OSError) -> str:
    if refused.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full: could not write to {folder}."
    reason = (refused.strerror or str(refused)).lower()
    return f"Could not write to {folder} ({reason}): set JARI_HOME to a folder of yours."
