"""Which keys the backups need. The keys themselves are kept apart from them (docs/security.md)."""

import hashlib
import json
from pathlib import Path

from django.conf import settings

from recovery.exceptions import KeysMissing

FILE = "keys.json"


def fingerprints() -> dict[str, list[str]]:
    """Setting → number and fingerprint of each of its keys, which says nothing of the key."""
    return {
        "JARI_DATA_KEYS": [f"{number}:{_of(key)}" for number, key in settings.DATA_KEYS],
        "JARI_INDEX_KEYS": [f"{number}:{_of(key)}" for number, key in settings.INDEX_KEYS],
        "JARI_LOG_KEYS": [_of(key) for key in settings.LOG_KEYS],
    }


def check(folder: Path) -> None:
    """KeysMissing if a key is not here under which the last drill that passed found data."""
    try:
        needed: dict[str, list[str]] = json.loads((folder / FILE).read_text())
    except FileNotFoundError:
        return  # the first drill here, which sees by itself
    here = fingerprints()
    lacking = [
        f"{setting} {key}"
        for setting, keys in needed.items()
        for key in keys
        if key not in here.get(setting, [])
    ]
    if lacking:
        raise KeysMissing(
            f"Keys are missing that the backups need ({', '.join(lacking)}): nothing was restored. "
            "Bring them from where keys are kept, or, if they were changed since and the old ones "
            "are needed no more, repeat with --new-keys."
        )


def write(folder: Path) -> None:
    """After a drill that passed, which read data under these keys."""
    (folder / FILE).write_text(json.dumps(fingerprints(), indent=1) + "\n")


def _of(key: bytes) -> str:
    return hashlib.sha256(b"jari fingerprint of a key" + key).hexdigest()[:16]
