"""Fast path: asking for a code and entering it, each by a short transaction in an event loop.

Every decision is a function of the plain twins, `start_verification` and `check_code`, and locks
are taken in their order. What is rare is left to them before anything is changed.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, cast
from uuid import UUID

from database.inserting import Statement, insertion
from database.links import Transaction
from database.rows import columns_of, model_of
from eligibility.events import PHONE, verified
from eligibility.exceptions import DistrictUnclear, Refusal
from eligibility.indexes import phone_indexes
from eligibility.models import Cohort, Person, PhoneCode
from eligibility.own_rows import PERSON, read_person
from eligibility.services.code_limits import RequestSource, asking, check_asked
from eligibility.services.decisions import INSERT, decide_at_once, inserting
from eligibility.services.households import is_vouched_for, phone_lock
from eligibility.services.identity import best_of, declared, judge, new_code
from messaging.models import Message
from privacy.fields import EncryptedTextField
from web.language import used_language

# A sign-in attempt, with the text of its message where `with_text`, for `attempt_of`.
READ = f"""
SELECT {columns_of(PhoneCode, "code")}, CASE WHEN %(with_text)s THEN (
    SELECT message.text FROM messaging_message AS message
    WHERE message.key = 'code:' || code.id || ':' || code.sends
) END
FROM eligibility_phonecode AS code WHERE code.id = %(id)s
"""  # noqa: S608  (names of columns)
# The row lock serializes tries, as in `check_code`.
LOCK = f"""
SELECT {columns_of(PhoneCode, "code")}, jari_now()
FROM eligibility_phonecode AS code WHERE code.id = %s FOR UPDATE
"""  # noqa: S608  (names of columns)
SPOKEN = "UPDATE eligibility_person SET language = %s WHERE id = %s"
USED = "UPDATE eligibility_phonecode SET tries = %s, used_at = %s WHERE id = %s"
COUNT = "UPDATE eligibility_phonecode SET tries = %s WHERE id = %s"
PEOPLE = f"""
SELECT {PERSON} FROM eligibility_person AS person WHERE person.phone_index = ANY(%s)
"""  # noqa: S608  (names of columns)
# The id of a person to be declared, where the phone has nobody.
NEXT = """
SELECT CASE WHEN NOT EXISTS (SELECT FROM eligibility_person WHERE phone_index = ANY(%s))
    THEN nextval(pg_get_serial_sequence('eligibility_person', 'id')) END
"""


def attempt_of(row: Sequence[Any]) -> tuple[PhoneCode, str]:
    """The sign-in attempt of READ, and the text, "" where it was not asked for."""
    *columns, text = row
    field = cast("EncryptedTextField[str, str]", Message._meta.get_field("text"))
    return model_of(PhoneCode, columns), field.from_db_value(text, None, None) or ""


async def ask_code(
    transaction: Transaction,
    *,
    name: str,
    birth_date: date,
    phone: str,
    by_voice: bool,
    source: RequestSource,
) -> tuple[PhoneCode, int]:
    """A new code and the id of its message, which no worker was woken for.

    Raises WorkNeeded or LimitReached, having changed nothing.
    """
    _locked, asked = await transaction.run(phone_lock(phone), asking(phone, source))
    now = check_asked(asked, source=source)
    challenge, message = new_code(
        name=name, birth_date=birth_date, phone=phone, by_voice=by_voice, source=source, now=now
    )
    sql, values = insertion(message)
    _inserted, [(message_id,)] = await transaction.run(
        insertion(challenge), (f"{sql} RETURNING id", values), commits=True
    )
    return challenge, message_id


async def enter_code(
    transaction: Transaction, challenge_id: UUID, code: str, cohorts: Sequence[Cohort]
) -> tuple[PhoneCode, Person | Refusal] | None:
    """The person of a right code, or its refusal, as of `check_code`; None where it is left to
    that, which is never so for a wrong code: it would be tried twice."""
    [found] = await transaction.run((LOCK, [challenge_id]))
    if not found:
        return None
    *row, now = found[0]
    challenge = model_of(PhoneCode, row)
    before = challenge.tries
    refusal = judge(challenge, code, now)
    if refusal:
        if challenge.tries > before:
            await transaction.run((COUNT, [challenge.tries, challenge.pk]), commits=True)
        return challenge, refusal
    # Of who is on the roster nothing was read before the code was right.
    indexes = phone_indexes(challenge.phone)
    _locked, rows, [(new_id,)] = await transaction.run(
        phone_lock(challenge.phone), (PEOPLE, [indexes]), (NEXT, [indexes])
    )
    person = _person_of(challenge, [read_person(row) for row in rows], new_id)
    # Who is not alone at a phone, and not vouched for, has a household to be counted.
    if person is None or not (len(rows) < 2 or is_vouched_for(person)):
        return None
    decided = decide_at_once(person, cohorts, now, is_alone=len(rows) < 2)
    if decided is None:
        return None
    _answers, decisions = decided
    statements = _signing_in(challenge, person, now, is_new=not rows)
    if decisions:
        statements.append((INSERT, inserting(person, decisions, now)))
    await transaction.run(*statements, commits=True)
    return challenge, person


def _person_of(challenge: PhoneCode, people: list[Person], new_id: int | None) -> Person | None:
    details = challenge.name, challenge.birth_date, challenge.phone
    try:
        person = best_of(people, *details)
    except DistrictUnclear:
        return None
    if person is None and new_id is not None:
        person = declared(*details)
        person.pk = new_id
        person._prefetched_objects_cache = {"decisions": []}  # type: ignore[attr-defined]
    return person


def _signing_in(
    challenge: PhoneCode, person: Person, now: datetime, *, is_new: bool
) -> list[Statement]:
    """What a right code writes, but for decisions."""
    language = used_language()
    statements: list[Statement] = []
    if is_new:
        person.language = language
        statements.append(insertion(person))
    elif person.language != language:
        statements.append((SPOKEN, [language, person.pk]))
    return [
        *statements,
        (USED, [challenge.tries, now, challenge.pk]),
        insertion(verified(person, PHONE)),
    ]
