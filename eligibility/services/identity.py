import hmac
import secrets
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from psycopg.errors import ForeignKeyViolation

from database.clock import Now, database_now
from database.inserting import insert_once
from dataio.districts import District, district_of
from eligibility import wordings
from eligibility.enums import Source
from eligibility.events import PHONE, verified
from eligibility.exceptions import (
    CodeExpired,
    DistrictUnclear,
    Refusal,
    ResendTooSoon,
    TooManyTries,
    WrongCode,
)
from eligibility.indexes import identity_indexes, indexes_of, phone_index, phone_indexes
from eligibility.models import Person, PhoneCode
from eligibility.services.code_limits import (
    UNKNOWN_SOURCE,
    RequestSource,
    check_asking,
    has_not_worked,
)
from eligibility.services.decisions import store_decisions
from eligibility.services.households import lock_phones
from eligibility.spelling import name_key, names_agree, person_name
from events.services import update_and_record
from messaging.enums import Channel
from messaging.models import Message
from messaging.receivers import is_landline
from messaging.services import insert_message, new_message
from messaging.wordings import render
from privacy.cipher import blind_index, blind_indexes
from web.language import used_language

Answer = TypeVar("Answer")

LIFETIME = timedelta(minutes=3)
RESEND_AFTER = timedelta(minutes=1)
MOST_TRIES = 5
SPOKEN_DIGITS = [
    gettext_lazy("zero"),
    gettext_lazy("one"),
    gettext_lazy("two"),
    gettext_lazy("three"),
    gettext_lazy("four"),
    gettext_lazy("five"),
    gettext_lazy("six"),
    gettext_lazy("seven"),
    gettext_lazy("eight"),
    gettext_lazy("nine"),
]
# Keyed: a plain hash of six digits could be reversed by trying a million codes.
_CODE = b"phone_code"


@transaction.atomic
def start_verification(
    *,
    name: str,
    birth_date: date,
    phone: str,
    by_voice: bool = False,
    source: RequestSource = UNKNOWN_SOURCE,
    has_worked: Callable[[], bool] = has_not_worked,
) -> PhoneCode:
    """Send a six-digit code to `phone` (E.164), by a call for a landline or if `by_voice`.

    The roster is not read here: neither the response nor its time may show who is on it. Raises
    WorkNeeded or LimitReached (code_limits), and ValueError for an invalid name.
    """
    lock_phones(phone)  # concurrent requests for one phone must count each other
    now = check_asking(phone=phone, source=source, has_worked=has_worked)
    challenge, message = new_code(
        name=name, birth_date=birth_date, phone=phone, by_voice=by_voice, source=source, now=now
    )
    challenge.save()
    insert_message(message)
    return challenge


def new_code(
    *,
    name: str,
    birth_date: date,
    phone: str,
    by_voice: bool,
    source: RequestSource,
    now: datetime,
) -> tuple[PhoneCode, Message]:
    """A sign-in attempt and the message with its code, both unsaved; ValueError for an invalid
    name."""
    challenge = PhoneCode(
        name=person_name(name),
        birth_date=birth_date,
        phone=phone,
        phone_index=phone_index(phone),
        by_voice=by_voice or is_landline(phone),
        source_index=source.index,
        from_known_browser=source.known_browser,
    )
    return challenge, _renew_code(challenge, now)


@transaction.atomic
def resend_code(*, challenge: PhoneCode) -> PhoneCode:
    """Send a new code with five new tries; the code before it becomes invalid.

    Counted like a first one. Raises CodeExpired if the code was used, and ResendTooSoon,
    WorkNeeded or LimitReached.
    """
    # The row before the phone, as a try does: in the other order both could wait for each other.
    challenge = PhoneCode.objects.select_for_update().get(pk=challenge.pk)
    lock_phones(challenge.phone)
    if challenge.used_at:
        raise CodeExpired(_("This code was used already. Start again if you signed out."))
    now = database_now()
    wait = challenge.sent_at + RESEND_AFTER - now
    if wait > timedelta(0):
        raise ResendTooSoon(
            _("A code went out less than a minute ago. Try again in %(seconds)s seconds.")
            % {"seconds": int(wait.total_seconds()) + 1}
        )
    # Of the network or browser itself nothing is stored.
    indexes = () if challenge.source_index is None else (bytes(challenge.source_index),)
    check_asking(
        phone=challenge.phone,
        source=RequestSource(indexes, challenge.from_known_browser),
        has_worked=has_not_worked,
    )
    message = _renew_code(challenge, now)
    challenge.save()
    insert_message(message)
    return challenge


def _renew_code(challenge: PhoneCode, now: datetime) -> Message:
    """Give the attempt a new code with five tries; returns the message with it. Saves neither."""
    code = f"{secrets.randbelow(1_000_000):06}"
    challenge.sends += 1
    challenge.tries = 0
    challenge.sent_at = now
    challenge.expires_at = challenge.sent_at + LIFETIME
    challenge.code_hash = _hash(challenge, code)
    return new_message(
        key=_message_key(challenge),
        kind="code",
        channel=Channel.VOICE if challenge.by_voice else Channel.SMS,
        to=challenge.phone,
        text=_spoken(code) if challenge.by_voice else _written(code),
        not_after=challenge.expires_at,
    )


def _written(code: str) -> str:
    return render(wordings.CODE, Channel.SMS, used_language(), code=code)


def _spoken(code: str) -> str:
    """The text of a call, digit by digit and twice: who listens may have to find a pen."""
    digits = ", ".join(str(SPOKEN_DIGITS[int(digit)]) for digit in code)
    return render(wordings.CALL, Channel.VOICE, used_language(), digits=digits)


def _message_key(challenge: PhoneCode) -> str:
    return f"code:{challenge.pk}:{challenge.sends}"


def _hash(challenge: PhoneCode, code: str) -> bytes:
    return blind_index(_hashed(challenge, code), context=_CODE)


def _is_right(challenge: PhoneCode, code: str) -> bool:
    indexes = blind_indexes(_hashed(challenge, code), context=_CODE)
    return any(hmac.compare_digest(bytes(challenge.code_hash), index) for index in indexes)


def _hashed(challenge: PhoneCode, code: str) -> str:
    return f"{challenge.pk}:{challenge.sends}:{code}"


def sent_message(challenge: PhoneCode) -> str:
    """Text of the sent message; only the sample campaign shows it on a page."""
    message = Message.objects.filter(key=_message_key(challenge)).first()
    return (message.text if message else "") or ""


def check_code(*, challenge: PhoneCode, code: str) -> Person:
    """The person of a right code, found on the roster or newly declared. A code works once.

    Raises WrongCode, TooManyTries or CodeExpired, and DistrictUnclear where the code is right and
    `choose_district` must follow. A refused try counts too, so the refusal is raised after the
    commit.
    """
    answer = _again_if_gone(partial(_check, challenge.pk, code))
    if isinstance(answer, Refusal):
        raise answer
    return answer


def _again_if_gone(act: Callable[[], Answer]) -> Answer:
    """Act once more if a person of the roster was removed between the look-up and the commit.

    Taking a roster back (roster_undo) removes people to whom nothing has followed. It can't see
    what is not committed yet, and the look-up locks nobody, as many households look at once.
    """
    try:
        return act()
    except IntegrityError as error:
        if not isinstance(error.__cause__, ForeignKeyViolation):
            raise
        return act()


@transaction.atomic
def _check(challenge_id: UUID, code: str) -> Person | Refusal:
    # The row lock serializes tries: concurrent guesses must not share one count.
    challenge = PhoneCode.objects.select_for_update().annotate(now=Now()).get(pk=challenge_id)
    before = challenge.tries
    refusal = judge(challenge, code, challenge.now)
    if refusal:
        if challenge.tries > before:
            challenge.save(update_fields=["tries"])
        return refusal
    challenge.used_at = challenge.now
    answer: Person | Refusal
    try:
        answer = _person_of(challenge, None)
    except DistrictUnclear as unclear:
        challenge.awaits_district, answer = True, unclear
    changed = {name: getattr(challenge, name) for name in ("tries", "used_at", "awaits_district")}
    if isinstance(answer, Refusal):
        challenge.save(update_fields=list(changed))
    else:
        row = PhoneCode.objects.filter(pk=challenge.pk)
        update_and_record(row, changed, verified(answer, PHONE))
    return answer


def judge(challenge: PhoneCode, code: str, now: datetime) -> Refusal | None:
    """The refusal of a code, None for the right one; a try is counted in the unsaved `challenge`.

    For a caller who has locked the row, and saves what was counted whatever the answer is.
    """
    if challenge.expires_at <= now:
        return CodeExpired(_("The three minutes are over. Ask for a new code."))
    if challenge.tries >= MOST_TRIES:
        return TooManyTries(_("You entered a wrong code five times. Ask for a new one."))
    challenge.tries += 1
    if challenge.used_at:
        return CodeExpired(_("This code was used already. Start again if you signed out."))
    if _is_right(challenge, code):
        return None
    tries_left = MOST_TRIES - challenge.tries
    if not tries_left:
        return TooManyTries(_("You entered a wrong code five times. Ask for a new one."))
    return WrongCode(
        _("That is not the code we sent. Tries left: %(left)s.") % {"left": tries_left}
    )


def choose_district(*, challenge: PhoneCode, home: District | None) -> Person:
    """The person of a proven code who lives in `home`; None stands for a district in no list.

    Works once. Raises CodeExpired if the code is not proven or was used for this, and
    DistrictUnclear if no single person fits.
    """
    return _again_if_gone(partial(_choose_district, challenge.pk, home))


@transaction.atomic
def _choose_district(challenge_id: UUID, home: District | None) -> Person:
    challenge = PhoneCode.objects.select_for_update().get(pk=challenge_id)
    if not challenge.awaits_district:
        raise CodeExpired(_("Enter the code first."))
    person = _person_of(challenge, home, home_chosen=True)
    row = PhoneCode.objects.filter(pk=challenge.pk)
    update_and_record(row, {"awaits_district": False}, verified(person, PHONE))
    return person


def _person_of(challenge: PhoneCode, home: District | None, *, home_chosen: bool = False) -> Person:
    person = find_or_declare(
        name=challenge.name,
        birth_date=challenge.birth_date,
        phone=challenge.phone,
        home=home,
        home_chosen=home_chosen,
    )
    store_decisions(person=person)
    remember_language(person)
    return person


def remember_language(person: Person) -> None:
    """Store the active language as the one to write to this person in."""
    language = used_language()
    if person.language != language:
        Person.objects.filter(pk=person.pk).update(language=language)


def find_or_declare(
    *,
    name: str,
    birth_date: date,
    phone: str,
    home: District | None = None,
    home_chosen: bool = False,
) -> Person:
    """The person of these verified details: from the roster, declared before, or declared now.

    Raises DistrictUnclear if several people of the roster fit and `home` does not decide.
    `home_chosen` distinguishes a `home` of None that the person chose ("in no list") from none yet.
    """
    person = _find(name, birth_date, phone, home, home_chosen=home_chosen)
    if person:
        return person
    answer: Person | DistrictUnclear
    # No savepoint: a refusal is raised after the block, so that the caller's transaction goes on.
    with transaction.atomic(savepoint=False):
        # Two spellings of one person may arrive at once and have different indexes, so the unique
        # index alone would let both in.
        lock_phones(phone)
        try:
            answer = _find(name, birth_date, phone, home, home_chosen=home_chosen) or _declare(
                name, birth_date, phone
            )
        except DistrictUnclear as unclear:
            answer = unclear
    if isinstance(answer, DistrictUnclear):
        raise answer
    return answer


def _declare(name: str, birth_date: date, phone: str) -> Person:
    person = declared(name, birth_date, phone)
    person.pk = insert_once(person, unique="identity_index")
    if person.pk is None:
        # A roster import has inserted the same person at once.
        return Person.objects.get(identity_index__in=identity_indexes(name, birth_date, phone))
    person._state.adding = False
    return person


def declared(name: str, birth_date: date, phone: str) -> Person:
    """An unsaved person who is not on the roster."""
    return Person(
        name=name,
        birth_date=birth_date,
        phone=phone,
        source=Source.DECLARED,
        # As the database would fill them in: they are not read again.
        session_generation=0,
        language=settings.LANGUAGE_CODE,
        **indexes_of(name, birth_date, phone),
    )


def _find(
    name: str, birth_date: date, phone: str, home: District | None, *, home_chosen: bool
) -> Person | None:
    people = Person.objects.filter(phone_index__in=phone_indexes(phone))
    return best_of(people, name, birth_date, phone, home, home_chosen=home_chosen)


def best_of(
    people: Iterable[Person],
    name: str,
    birth_date: date,
    phone: str,
    home: District | None = None,
    *,
    home_chosen: bool = False,
) -> Person | None:
    """The best match among the people of this phone: same birth date, agreeing name, roster first.

    Compared in Python, as names are encrypted; a phone has few people. Raises DistrictUnclear as
    `find_or_declare`.
    """
    exact = identity_indexes(name, birth_date, phone)
    same = [
        person
        for person in people
        if person.birth_date == birth_date and names_agree(person.name, name)
    ]
    on_roster = [person for person in same if person.source == Source.ROSTER]
    # An equal name prevails over one that merely agrees.
    twins = [person for person in on_roster if name_key(person.name) == name_key(name)]
    if len(twins or on_roster) > 1:
        return _resident_of(twins or on_roster, home, home_chosen=home_chosen)
    same.sort(
        key=lambda person: (
            person.source != Source.ROSTER,
            person not in twins,
            bytes(person.identity_index) not in exact,
            person.pk,
        )
    )
    return same[0] if same else None


def _resident_of(twins: list[Person], home: District | None, *, home_chosen: bool) -> Person:
    """The only one of `twins` who lives in `home`; DistrictUnclear if there is no single one."""
    districts = [district_of(person.region, person.district) for person in twins]
    if home_chosen and districts.count(home) == 1:
        return twins[districts.index(home)]
    # Nobody is listed there: it can only be the one whose district the roster leaves open.
    if home_chosen and home not in districts and districts.count(None) == 1:
        return twins[districts.index(None)]
    raise DistrictUnclear(
        _("Nobody with your details is registered there. Choose where you are registered.")
    )
