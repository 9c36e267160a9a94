import re
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from eligibility.enums import Source
from eligibility.exceptions import CodeExpired, ResendTooSoon, TooManyTries
from eligibility.indexes import indexes_of
from eligibility.models import Person, PhoneCode
from eligibility.services.households import phone_lock
from eligibility.services.identity import (
    check_code,
    choose_district,
    find_or_declare,
    resend_code,
    start_verification,
)
from messaging.models import Message
from tests.concurrency import at_once
from tests.factories import PersonFactory
from tests.waiting import until

pytestmark = pytest.mark.django_db

HONG = {"name": "홍길동", "birth_date": date(1964, 5, 12), "phone": "+821000001234"}


def code_of(challenge: PhoneCode) -> str:
    message = Message.objects.get(key=f"code:{challenge.pk}:{challenge.sends}")
    return re.search(r"\b\d{6}\b", message.text)[0]


def test_a_code_is_six_digits_and_stored_as_a_hash_only():
    challenge = start_verification(**HONG)

    code = code_of(challenge)
    with connection.cursor() as cursor:
        cursor.execute("SELECT p::text FROM eligibility_phonecode p")
        row = cursor.fetchone()[0]
    assert re.fullmatch(r"\d{6}", code)
    assert code not in row
    assert code.encode().hex() not in row
    assert bytes(challenge.code_hash) != code.encode()


def test_a_right_code_counts_once():
    challenge = start_verification(**HONG)
    code = code_of(challenge)
    check_code(challenge=challenge, code=code)

    for _ in range(4):
        with pytest.raises(CodeExpired):
            check_code(challenge=challenge, code=code)
    with pytest.raises(TooManyTries):
        check_code(challenge=challenge, code=code)

    challenge.refresh_from_db()
    assert challenge.tries == 5


@pytest.mark.django_db(transaction=True)
def test_a_right_code_at_once_from_everywhere_counts_once():
    challenge = start_verification(**HONG)
    code = code_of(challenge)

    outcomes = at_once([partial(check_code, challenge=challenge, code=code)] * 8)

    assert sum(isinstance(outcome, Person) for outcome in outcomes) == 1


def test_wrong_codes_after_use_are_counted():
    challenge = start_verification(**HONG)
    check_code(challenge=challenge, code=code_of(challenge))
    wrong = "000000" if code_of(challenge) != "000000" else "111111"

    for _ in range(4):
        with pytest.raises(CodeExpired):
            check_code(challenge=challenge, code=wrong)

    with pytest.raises(TooManyTries):
        check_code(challenge=challenge, code=wrong)


def test_a_used_code_opens_no_district_page_either():
    challenge = start_verification(**HONG)
    check_code(challenge=challenge, code=code_of(challenge))

    with pytest.raises(CodeExpired):
        choose_district(challenge=challenge, home=None)


@pytest.mark.parametrize("name", ["홍길동", "홍 길동", "길동 홍"])
def test_one_person_is_found_however_the_name_is_spelled(name):
    person = PersonFactory(**HONG)

    assert find_or_declare(**{**HONG, "name": name}) == person


def test_middle_names_may_be_left_out():
    person = PersonFactory(**{**HONG, "name": "John Paul Smith"})

    assert find_or_declare(**{**HONG, "name": "SMITH JOHN"}) == person


@pytest.mark.parametrize(
    "other",
    [{"name": "홍길순"}, {"birth_date": date(1964, 5, 13)}, {"phone": "+821000001235"}],
)
def test_another_name_birth_date_or_phone_is_another_person(other):
    person = PersonFactory(**HONG)

    declared = find_or_declare(**{**HONG, **other})

    assert declared != person
    assert declared.source == Source.DECLARED


def test_the_roster_wins_over_an_earlier_declaration():
    declared = PersonFactory(**{**HONG, "name": "Hong Gildong"}, declared=True)
    known = PersonFactory(**{**HONG, "name": "Gildong Hong"})

    assert find_or_declare(**{**HONG, "name": "Hong Gildong"}) == known
    assert declared.pk < known.pk


@pytest.mark.django_db(transaction=True)
def test_fifty_first_sign_ins_at_once_make_one_person_whatever_the_spelling():
    spellings = ["Hong Gildong", "Gildong Hong", "HONG GIL DONG", "hong gildong"]
    calls = [
        partial(find_or_declare, **{**HONG, "name": spellings[number % 4]}) for number in range(50)
    ]

    outcomes = at_once(calls)

    assert {type(outcome) for outcome in outcomes} == {Person}
    assert Person.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_careless_sign_in_makes_two_people_of_one():
    """The same race without the lock: the test above can fail."""
    barrier = threading.Barrier(2)

    def careless(name: str) -> Person:
        found = Person.objects.filter(phone_index=indexes_of(**HONG)["phone_index"]).first()
        barrier.wait(30)
        values = {**HONG, "name": name}
        return found or Person.objects.create(**values, **indexes_of(**values))

    at_once([partial(careless, "Hong Gildong"), partial(careless, "Gildong Hong")])

    assert Person.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_twenty_guesses_at_once_are_five_tries():
    challenge = start_verification(**HONG)
    right = int(code_of(challenge))
    guesses = [f"{(right + number) % 1_000_000:06}" for number in range(1, 21)]

    outcomes = at_once([partial(check_code, challenge=challenge, code=code) for code in guesses])

    challenge.refresh_from_db()
    assert Counter(type(outcome).__name__ for outcome in outcomes) == {
        "WrongCode": 4,
        "TooManyTries": 16,
    }
    assert challenge.tries == 5


@pytest.mark.django_db(transaction=True)
def test_who_asks_for_a_new_code_while_one_is_tried_does_not_hold_its_phone():
    """A try locks the row, then the phone: the other order would be a deadlock."""
    challenge = start_verification(**HONG)

    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            PhoneCode.objects.select_for_update().get(pk=challenge.pk)
            asked = thread.submit(in_a_connection, partial(resend_code, challenge=challenge))
            until(somebody_waits, "Nobody waits for the row.")
            sql, [numbers] = phone_lock(challenge.phone)
            with connection.cursor() as cursor:
                cursor.execute(sql.replace("pg_advisory", "pg_try_advisory"), [numbers])
                taken = cursor.fetchall()

        with pytest.raises(ResendTooSoon):
            asked.result()
    assert taken == [(True,)]


def in_a_connection(act: Callable[[], Any]) -> Any:
    try:
        return act()
    finally:
        connection.close()


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        # Not pg_stat_activity, which stays the same within a transaction.
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks AS held JOIN pg_locks AS awaited"
            " ON awaited.transactionid = held.transactionid AND NOT awaited.granted"
            " WHERE held.pid = pg_backend_pid())"
        )
        return cursor.fetchone()[0]


def test_the_message_ends_with_its_code():
    challenge = start_verification(**HONG)

    message = Message.objects.get()
    assert message.not_after == challenge.expires_at
    assert message.to == HONG["phone"]
    assert message.not_after > timezone.now()
