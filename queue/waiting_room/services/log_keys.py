"""The name of a room's log, and the keys that sign it."""

from urllib.parse import urlsplit

from django.conf import settings

from waiting_room.tlog.notes import Signer


def origin_of(code: str) -> str:
    """The name of a room's log: its address without the scheme."""
    return f"{urlsplit(settings.PUBLIC_URL).netloc}/queue/{code}/log"


def signers_of(code: str) -> list[Signer]:
    """All keys in use sign: during a change of keys both the new and the old one."""
    return [Signer(origin_of(code), key) for key in settings.LOG_KEYS]


def keys_for_every_room() -> list[str]:
    """The same keys with a `*` for the room, as our witness takes them for the whole portal."""
    return [str(signer.verifier) for signer in signers_of("*")]
