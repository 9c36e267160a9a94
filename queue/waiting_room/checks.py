"""What `check --deploy` says of the witnesses: settings that are valid and show little."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

from waiting_room.tlog.notes import Signer
from waiting_room.tlog.witnessing import majority


def witnesses_can_be_trusted(app_configs: Any, **_: Any) -> list[CheckMessage]:
    return list(_found())


def _found() -> Iterator[CheckMessage]:
    count, quorum = len(settings.WITNESSES), settings.WITNESS_QUORUM
    own_keys = {Signer("x", key).verifier.key for key in settings.LOG_KEYS}
    portal = urlsplit(settings.PUBLIC_URL).hostname
    for witness in settings.WITNESSES:
        address = urlsplit(witness.url)
        if witness.verifier.key in own_keys:
            yield Error(
                f"The key of the witness {witness.name} is one of JARI_LOG_KEYS.",
                hint="A log that cosigns itself shows nothing: have it run by somebody else.",
                id="waiting_room.E001",
            )
        if address.hostname in (portal, "localhost", "127.0.0.1", "::1"):
            yield Warning(
                f"The witness {witness.name} runs on a machine of the portal.",
                hint="Against whoever runs the portal only a witness elsewhere helps.",
                id="waiting_room.W002",
            )
        elif address.scheme == "http":
            yield Warning(
                f"The witness {witness.name} is asked without TLS.",
                hint="Nothing can be forged on the way, but anybody there can keep it from us.",
                id="waiting_room.W003",
            )
    if quorum and quorum < majority(count):
        yield Warning(
            f"JARI_WITNESS_QUORUM is {quorum} of {count} witnesses.",
            hint=f"Two different logs could each find so many: ask for {majority(count)} or more.",
            id="waiting_room.W004",
        )
