import hmac
import secrets
from collections.abc import Callable
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from database.clock import Now, database_now
from dataio.districts import District, place_of
from eligibility.enums import Source
from eligibility.exceptions import (
    CodeExpired,
    DistrictUnclear,
    Refusal,
    ResendTooSoon,
    TooManyTries,
    WrongCode,
)
from eligibility.indexes import identity_index, indexes_of, phone_index
from eligibility.models import Person, PhoneCode
from eligibility.services.code_limits import ANYBODY, Asker, check_asking
from eligibility.services.decisions import store_decisions
from eligibility.services.households import lock_phone
from eligibility.spelling import name_key, names_agree, person_name
from messaging.enums import Channel
from messaging.models import Message
from messaging.services import write_message
from privacy.cipher import blind_index

LIFETIME = timedelta(minutes=3)
RESEND_AFTER = timedelta(minutes=1)
MOST_TRIES = 5


def _has_not_worked() -> bool:
    return False


@transaction.atomic
def start_verification(
    *,
    name: str,
    birth_date: date,
    phone: str,
    source: Asker = ANYBODY,
    has_worked: Callable[[], bool] = _has_not_worked,
) -> PhoneCode:
    """Send a six-digit code to `phone` (E.164). The roster is not asked: nothing shows whether
    the person is on it, not even the time the answer takes.

    WorkNeeded or LimitReached where many codes went to this phone, or out for this source.
    ValueError for what is no name.
    """
    index = phone_index(phone)
    lock_phone(index)  # so that what comes at once is counted
    now = database_now()
    check_asking(phone_index=index, source=source, has_worked=has_worked, now=now)
    challenge = PhoneCode(
        name=person_name(name),
        birth_date=birth_date,
        phone=phone,
        phone_index=index,
        source_index=source.index,
        from_known_browser=source.known_browser,
        code_hash=b"",
        sent_at=now,
        expires_at=now,
    )
    _send_code(challenge, now)
    return challenge


@transaction.atomic
def resend_code(*, challenge: PhoneCode) -> PhoneCode:
    """A new code for the same person, with five new tries; the old one ends.

    Counted like a first one: ResendTooSoon, WorkNeeded or LimitReached.
    """
    lock_phone(challenge.phone_index)
    challenge = PhoneCode.objects.select_for_update().get(pk=challenge.pk)
    if challenge.used_at:
        raise CodeExpired(_("This code was used already. Start again if you signed out."))
    now = database_now()
    wait = challenge.sent_at + RESEND_AFTER - now
    if wait > timedelta(0):
        raise ResendTooSoon(
            _("A code went out less than a minute ago. Try again in %(seconds)s seconds.")
            % {"seconds": int(wait.total_seconds()) + 1}
        )
    index = None if challenge.source_index is None else bytes(challenge.source_index)
    check_asking(
        phone_index=bytes(challenge.phone_index),
        source=Asker(index, challenge.from_known_browser),
        has_worked=_has_not_worked,
        now=now,
    )
    _send_code(challenge, now)
    return challenge


def _send_code(challenge: PhoneCode, now: datetime) -> None:
    code = f"{secrets.randbelow(1_000_000):06}"
    challenge.sends += 1
    challenge.tries = 0
    challenge.sent_at = now
    challenge.expires_at = challenge.sent_at + LIFETIME
    challenge.code_hash = _hash(challenge, code)
    challenge.save()
    write_message(
        key=_message_key(challenge),
        kind="code",
        channel=Channel.SMS,
        to=challenge.phone,
        text=_("[Jari] Your code is %(code)s. Enter it within 3 minutes. Tell it to nobody.")
        % {"code": code},
        not_after=challenge.expires_at,
    )


def _message_key(challenge: PhoneCode) -> str:
    return f"code:{challenge.pk}:{challenge.sends}"


def _hash(challenge: PhoneCode, code: str) -> bytes:
    return blind_index(f"{challenge.pk}:{challenge.sends}:{code}", context=b"phone_code")


def sent_message(challenge: PhoneCode) -> str:
    """What went to the phone; only a sample campaign may show it."""
    message = Message.objects.filter(key=_message_key(challenge)).first()
    return (message.text if message else "") or ""


def check_code(*, challenge: PhoneCode, code: str) -> Person:
    """The person behind a right code; WrongCode, TooManyTries or CodeExpired otherwise, and
    DistrictUnclear where the code is right and `choose_district` must follow.

    A try is counted also when it is refused, so the refusal is raised after the commit. A code is
    right once: afterwards it is used up, and tries of it count on.
    """
    answer = _check(challenge.pk, code)
    if isinstance(answer, Refusal):
        raise answer
    return answer


@transaction.atomic
def _check(challenge_id: UUID, code: str) -> Person | Refusal:
    # The lock makes one try after the other: five tries are five, however many come at once.
    challenge = PhoneCode.objects.select_for_update().annotate(now=Now()).get(pk=challenge_id)
    if challenge.expires_at <= challenge.now:
        return CodeExpired(_("The three minutes are over. Ask for a new code."))
    if challenge.tries >= MOST_TRIES:
        return TooManyTries(_("That was wrong five times. Ask for a new code."))
    challenge.tries += 1
    if challenge.used_at:
        challenge.save(update_fields=["tries"])
        return CodeExpired(_("This code was used already. Start again if you signed out."))
    if not hmac.compare_digest(bytes(challenge.code_hash), _hash(challenge, code)):
        challenge.save(update_fields=["tries"])
        left = MOST_TRIES - challenge.tries
        if not left:
            return TooManyTries(_("That was wrong five times. Ask for a new code."))
        return WrongCode(_("That is not the code we sent. Tries left: %(left)s.") % {"left": left})
    challenge.used_at = database_now()
    answer: Person | Refusal
    try:
        answer = _person_of(challenge, None)
    except DistrictUnclear as unclear:
        challenge.awaits_district, answer = True, unclear
    challenge.save(update_fields=["tries", "used_at", "awaits_district"])
    return answer


@transaction.atomic
def choose_district(*, challenge: PhoneCode, home: District | None) -> Person:
    """The person of a proven code who lives there, once; None is a place in no list."""
    challenge = PhoneCode.objects.select_for_update().get(pk=challenge.pk)
    if not challenge.awaits_district:
        raise CodeExpired(_("Enter the code first."))
    person = _person_of(challenge, home, asked=True)
    challenge.awaits_district = False
    challenge.save(update_fields=["awaits_district"])
    return person


def _person_of(challenge: PhoneCode, home: District | None, *, asked: bool = False) -> Person:
    person = find_or_declare(
        name=challenge.name,
        birth_date=challenge.birth_date,
        phone=challenge.phone,
        home=home,
        asked=asked,
    )
    store_decisions(person=person)
    return person


def find_or_declare(
    *, name: str, birth_date: date, phone: str, home: District | None = None, asked: bool = False
) -> Person:
    """The one person these verified details belong to, known by the roster or newly declared.

    DistrictUnclear if several are on the roster and `home` does not tell them apart; `asked`
    tells "in no list" from "not asked yet".
    """
    person = _find(name, birth_date, phone, home, asked=asked)
    if person:
        return person
    with transaction.atomic():
        # Two spellings of one person may arrive at once; the phone decides who goes first.
        lock_phone(phone_index(phone))
        person = _find(name, birth_date, phone, home, asked=asked)
        if person:
            return person
        declared = Person(
            name=name,
            birth_date=birth_date,
            phone=phone,
            source=Source.DECLARED,
            **indexes_of(name, birth_date, phone),
        )
        # A roster may be loading the same person right now: whoever commits first, is.
        Person.objects.bulk_create([declared], ignore_conflicts=True)
    return Person.objects.get(identity_index=identity_index(name, birth_date, phone))


def _find(
    name: str, birth_date: date, phone: str, home: District | None, *, asked: bool
) -> Person | None:
    """Among the few who have this phone: same birth date and a name that agrees, roster first."""
    exact = identity_index(name, birth_date, phone)
    same = [
        person
        for person in Person.objects.filter(phone_index=phone_index(phone))
        if person.birth_date == birth_date and names_agree(person.name, name)
    ]
    on_roster = [person for person in same if person.source == Source.ROSTER]
    # Whoever is called exactly so comes before whoever may be.
    twins = [person for person in on_roster if name_key(person.name) == name_key(name)]
    if len(twins or on_roster) > 1:
        return _who_lives(twins or on_roster, home, asked=asked)
    same.sort(
        key=lambda person: (
            person.source != Source.ROSTER,
            person not in twins,
            bytes(person.identity_index) != exact,
            person.pk,
        )
    )
    return same[0] if same else None


def _who_lives(twins: list[Person], home: District | None, *, asked: bool) -> Person:
    """The one of several with these details who lives at `home`."""
    places = [place_of(person.region, person.district) for person in twins]
    if asked and places.count(home) == 1:
        return twins[places.index(home)]
    # Nobody is listed there: it may be the one whose place the roster does not tell.
    if asked and home not in places and places.count(None) == 1:
        return twins[places.index(None)]
    raise DistrictUnclear(
        _("Nobody with your details is registered there. Choose where you are registered.")
    )
