"""Exchanges a provider's authorization code for the identity, in threads that make no page.

A code can be exchanged only once. If the process dies meanwhile, the outcome is lost and the
person starts again.
"""

import json
import logging
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from datetime import date
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction

from eligibility.models import ProviderAnswer
from eligibility.providers import Identity, Provider
from outside.background import Background
from outside.openid import Declined, ProviderProblem

log = logging.getLogger(__name__)

# How long a page waits for the outcome; most providers answer within it.
PAGE_SECONDS = 0.3
_exchanges = Background("jari-exchange", threads=8, most=64)


class Gone(Exception):
    """There is no such outcome, or it was read already."""


@dataclass(frozen=True)
class Outcome:
    """The identity; None after a failure, or with `declined` if the person cancelled."""

    identity: Identity | None = None
    declined: bool = False
    seconds: float = 0.0


def begin(
    *, provider: Provider, answer: Mapping[str, str], state: Mapping[str, str], redirect_uri: str
) -> Outcome | UUID:
    """The outcome if the provider answers within PAGE_SECONDS, else the id to `take` it by."""
    future = _exchanges.begin(partial(_exchange, provider, answer, state, redirect_uri))
    if future is None:
        log.warning("identity provider: %s: too many wait for it", provider.code)
        return Outcome()
    try:
        return future.result(timeout=PAGE_SECONDS)
    except TimeoutError:
        row = ProviderAnswer.objects.create()
        future.add_done_callback(partial(_store_later, row.pk))
        return row.pk


def _exchange(
    provider: Provider, answer: Mapping[str, str], state: Mapping[str, str], redirect_uri: str
) -> Outcome:
    start = time.monotonic()
    identity, declined = None, False
    try:
        identity = provider.finish(answer, state=state, redirect_uri=redirect_uri)
    except Declined:
        declined = True
    except ProviderProblem as problem:
        log.warning("identity provider: %s", problem)
    except Exception:  # an answer that breaks a library must not leave the page waiting
        log.exception("identity provider: %s: its answer could not be read", provider.code)
    return Outcome(identity, declined, time.monotonic() - start)


def _store_later(pk: UUID, future: Future[Outcome]) -> None:
    # The callback may run in the page's thread; the background thread has a connection of its own,
    # outside the page's transaction.
    _exchanges.begin(partial(_store, pk, future.result()))


def _store(pk: UUID, outcome: Outcome) -> None:
    ProviderAnswer.objects.filter(pk=pk).update(outcome=json.dumps(asdict(outcome), default=str))


@transaction.atomic
def take(pk: UUID) -> Outcome | None:
    """Read and delete the outcome; None while the provider has not answered. Raises Gone."""
    row = ProviderAnswer.objects.select_for_update().filter(pk=pk).first()
    if row is None:
        raise Gone
    if row.outcome is None:
        return None
    row.delete()
    values = json.loads(row.outcome)
    return Outcome(**{**values, "identity": _identity(values["identity"])})


def _identity(claims: Mapping[str, Any] | None) -> Identity | None:
    if claims is None:
        return None
    born = claims["birth_date"]
    return Identity(**{**claims, "birth_date": date.fromisoformat(born) if born else None})


def wait_for_all() -> None:
    """Wait until the outcomes of all exchanges of this process are stored."""
    _exchanges.wait()
