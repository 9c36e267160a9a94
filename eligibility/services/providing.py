"""Identity providers: their traffic lights, and the people whom their subjects are."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.cache import caches
from django.db import models, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from database.clock import database_now, known_now
from dataio.districts import District
from eligibility.events import PHONE, verified
from eligibility.indexes import subject_indexes
from eligibility.models import Person, ProviderAccount, ProviderTry
from eligibility.providers import Identity, Provider, configured
from eligibility.services.decisions import store_decisions
from eligibility.services.identity import find_or_declare, remember_language
from events.services import update_and_record
from messaging.enums import MessageStatus
from messaging.models import Message

PERIOD = timedelta(minutes=5)
_SLOW, _TOO_SLOW = 3.0, 10.0  # seconds, of the 90th percentile


class Colour(models.TextChoices):
    GREEN = "green", gettext_lazy("Works")
    AMBER = "amber", gettext_lazy("Slow, or fails at times")
    RED = "red", gettext_lazy("Does not work at the moment")
    GREY = "grey", gettext_lazy("Nobody used it in the last five minutes")


@dataclass(frozen=True)
class Light:
    """The traffic light of one way to prove an identity."""

    code: str
    name: str
    colour: Colour


def record_try(*, provider: str, worked: bool, seconds: float) -> None:
    ProviderTry.objects.create(provider=provider, worked=worked, seconds=seconds)


def colour_of(tries: list[tuple[bool, float]]) -> Colour:
    """The colour for the (worked, seconds) of the last PERIOD."""
    if not tries:
        return Colour.GREY
    share = sum(worked for worked, _seconds in tries) / len(tries)
    times = sorted(seconds for worked, seconds in tries if worked)
    p90 = times[min(len(times) - 1, len(times) * 9 // 10)] if times else _TOO_SLOW
    if share < 0.7 or p90 >= _TOO_SLOW:
        return Colour.RED
    return Colour.GREEN if share >= 0.95 and p90 < _SLOW else Colour.AMBER


def lights() -> list[Light]:
    """Lights of the phone code and of every configured provider, at most 5 seconds old."""
    colours = caches["local"].get("provider-lights")
    if colours is None:
        colours = _colours()
        caches["local"].set("provider-lights", colours, timeout=5)
    return [
        Light(PHONE, _("Code to my phone"), colours[PHONE]),
        *(
            Light(code, provider.name, colours.get(code, Colour.GREY))
            for code, provider in configured().items()
        ),
    ]


def _colours() -> dict[str, Colour]:
    since = known_now() - PERIOD
    tries: dict[str, list[tuple[bool, float]]] = {PHONE: _phone_tries(since)}
    for row in ProviderTry.objects.filter(at__gt=since).order_by("-at")[:2000]:
        tries.setdefault(row.provider, []).append((row.worked, row.seconds))
    return {code: colour_of(of_code) for code, of_code in tries.items()}


def _phone_tries(since: datetime) -> list[tuple[bool, float]]:
    """(worked, seconds) of recent phone codes: failed ones and ones still waiting count as not."""
    now = known_now()
    codes = Message.objects.filter(kind="code", created_at__gt=since).order_by("-pk")
    tries = []
    for status, created, sent in codes.values_list("status", "created_at", "sent_at")[:500]:
        seconds = ((sent or now) - created).total_seconds()
        if status == MessageStatus.WAITING and seconds < _SLOW:
            continue  # on its way
        tries.append((status == MessageStatus.SENT, seconds))
    return tries


@transaction.atomic
def vouched_for(
    *,
    provider: Provider,
    identity: Identity,
    home: District | None = None,
    home_chosen: bool = False,
) -> Person:
    """The person of a certified provider's identity, which must be complete.

    A subject seen before is the same person, also with another name or phone. `home`,
    `home_chosen` and DistrictUnclear as with `find_or_declare`.
    """
    indexes = subject_indexes(provider.code, identity.subject)
    account = (
        ProviderAccount.objects.select_related("person")
        .filter(provider=provider.code, subject_index__in=indexes)
        .first()
    )
    if account and _is_same(account.person, identity):
        person = account.person
        if account.subject is None:  # from before the column: now it can change its index key
            account.subject, account.subject_index = identity.subject, indexes[0]
            account.save(update_fields=["subject", "subject_index"])
    else:
        assert identity.name
        assert identity.birth_date
        assert identity.phone
        person = find_or_declare(
            name=identity.name,
            birth_date=identity.birth_date,
            phone=identity.phone,
            home=home,
            home_chosen=home_chosen,
        )
        ProviderAccount.objects.update_or_create(
            provider=provider.code,
            subject_index=bytes(account.subject_index) if account else indexes[0],
            defaults={"person": person, "subject": identity.subject},
        )
    person.certified_at = database_now()
    update_and_record(
        Person.objects.filter(pk=person.pk),
        {"certified_at": person.certified_at},
        verified(person, provider.code),
    )
    store_decisions(person=person)
    remember_language(person)
    return person


def _is_same(person: Person, identity: Identity) -> bool:
    """Whether the subject's stored person still fits: names and phones change, births do not."""
    return person.forgotten_at is None and person.birth_date == identity.birth_date
