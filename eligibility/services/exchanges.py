"""Exchanging a provider's code for who it is: by a thread that makes no page, kept for the browser.

The code is good once, so it is exchanged once; a process that dies meanwhile takes the answer
along, and the person starts again.
"""

import json
import logging
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from datetime import date
from functools import partial
from uuid import UUID

from django.db import transaction

from eligibility.models import ProviderAnswer
from eligibility.providers import Declined, Identity, Provider, ProviderProblem
from outside.background import Background

log = logging.getLogger(__name__)

# What a page waits for an answer; most providers have given theirs by then.
PAGE_SECONDS = 0.3
_exchanges = Background("jari-exchange", threads=8, most=64)


class Gone(Exception):
    """This outcome was taken already."""


@dataclass(frozen=True)
class Outcome:
    """Who it is; without an identity it failed, or the person broke it off."""

    identity: Identity | None = None
    declined: bool = False
    seconds: float = 0.0


def begin(
    *, provider: Provider, answer: Mapping[str, str], kept: Mapping[str, str], redirect_uri: str
) -> Outcome | UUID:
    """The outcome where the provider answers at once; else what to `take` it by later."""
    future = _exchanges.begin(partial(_exchange, provider, answer, kept, redirect_uri))
    if future is None:
        log.warning("identity provider: %s: too many wait for it", provider.code)
        return Outcome()
    try:
        return future.result(timeout=PAGE_SECONDS)
    except TimeoutError:
        row = ProviderAnswer.objects.create()
        future.add_done_callback(partial(_keep, row.pk))
        return row.pk


def _exchange(
    provider: Provider, answer: Mapping[str, str], kept: Mapping[str, str], redirect_uri: str
) -> Outcome:
    start = time.monotonic()
    identity, declined = None, False
    try:
        identity = provider.finish(answer, kept=kept, redirect_uri=redirect_uri)
    except Declined:
        declined = True
    except ProviderProblem as problem:
        log.warning("identity provider: %s", problem)
    except Exception:
        log.exception("identity provider: %s: what it said could not be read", provider.code)
    return Outcome(identity, declined, time.monotonic() - start)


def _keep(pk: UUID, future: Future[Outcome]) -> None:
    """Called by whichever thread comes last; a thread of ours has a connection of its own."""
    _exchanges.begin(partial(_store, pk, future.result()))


def _store(pk: UUID, outcome: Outcome) -> None:
    ProviderAnswer.objects.filter(pk=pk).update(said=json.dumps(asdict(outcome), default=str))


@transaction.atomic
def take(pk: UUID) -> Outcome | None:
    """The outcome, once; None while the provider has not answered. Gone if it was taken."""
    row = ProviderAnswer.objects.select_for_update().filter(pk=pk).first()
    if row is None:
        raise Gone
    if row.said is None:
        return None
    row.delete()
    said = json.loads(row.said)
    return Outcome(**{**said, "identity": _identity(said["identity"])})


def _identity(said: Mapping[str, str | None] | None) -> Identity | None:
    if said is None:
        return None
    born = said["birth_date"]
    return Identity(**{**said, "birth_date": date.fromisoformat(born) if born else None})


def wait_for_all() -> None:
    """Wait until all that was begun in this process is stored."""
    _exchanges.wait()
