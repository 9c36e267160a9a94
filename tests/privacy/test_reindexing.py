"""Another index key, while people sign in, are looked up and book."""

import base64
import os
import signal
import subprocess
import sys
from datetime import date
from functools import partial
from io import StringIO

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import transaction

from booking.services.reading import find_by_number
from database.clock import database_now
from eligibility.admin.people import people_meant
from eligibility.enums import Correctable
from eligibility.indexes import indexes_of, subject_index
from eligibility.models import Person, PhoneCode, ProviderAccount, ProxyRequest
from eligibility.providers import Identity, Provider
from eligibility.services.corrections import ask_correction, grant_correction
from eligibility.services.family import ask_to_book_for
from eligibility.services.households import lock_phones
from eligibility.services.identity import (
    check_code,
    find_or_declare,
    sent_message,
    start_verification,
)
from eligibility.services.providing import vouched_for
from eligibility.services.purging import forget
from messaging.models import Message
from privacy import reindexing
from privacy.cipher import blind_index
from privacy.reindexing import NO_KEY, key_problems, left, reindex
from staff.enums import Step
from staff.limits import attempt_of, is_guarded
from staff.models import LogInFailure
from tests.concurrency import Underway, at_once
from tests.factories import PersonFactory, ReservationFactory, StaffFactory
from tests.roles import database_url
from tests.waiting_room.scene import join, make_room
from waiting_room.models import Ticket
from waiting_room.services import rooms
from waiting_room.services.resume_codes import resume_code_of, resume_indexes

pytestmark = pytest.mark.django_db

OLD, NEW = (1, b"o" * 32), (2, b"n" * 32)
HEADER = "person_id,name,birth_date,phone,region,district,groups,last_dose_on"
ROSTER = [
    "R1,홍길동,1964-05-12,010-0000-1111,서울특별시,강남구,nurse;doctor,2026-05-01",
    "R2,홍길동,1964-05-12,010-0000-1111,서울특별시,종로구,,",
    "R3,김시험,1965-01-01,010-0000-2222,부산광역시,,,",
]


class BrokenOff(Exception):
    pass


@pytest.fixture
def old_key(settings, monkeypatch):
    monkeypatch.setattr(reindexing, "BATCH", 3)
    settings.INDEX_KEYS = [OLD]


@pytest.fixture
def roster(tmp_path):
    def roster(*rows: str, header: str = HEADER) -> str:
        path, out = tmp_path / "roster.csv", StringIO()
        path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        call_command("import_roster", path, stdout=out, stderr=out, language="en")
        return out.getvalue()

    return roster


def written_as(*keys: tuple[int, bytes]) -> str:
    """As JARI_INDEX_KEYS has them."""
    return ",".join(f"{number}:{base64.b64encode(key).decode()}" for number, key in keys)


def keys_of(column: str = "phone_index") -> list[int]:
    indexes = Person.objects.order_by("pk").values_list(column, flat=True)
    return [bytes(index)[0] for index in indexes]


def break_off_after(rows: int) -> None:
    def tell(_name: str, count: int) -> None:
        if count >= rows:
            raise BrokenOff

    with pytest.raises(BrokenOff):
        reindex(tell)


def everybody_is_found(people: list[Person]) -> bool:
    """By signing in, and by staff: each is the same row as before."""
    known = Person.objects.count()
    for person in people:
        details = {"name": person.name, "birth_date": person.birth_date, "phone": person.phone}
        assert find_or_declare(**details).pk == person.pk
        assert people_meant(person.phone) == [person.pk]
        assert people_meant(f"{person.name} {person.birth_date:%Y%m%d}") == [person.pk]
    return Person.objects.count() == known


def test_a_change_of_the_key_that_is_broken_off_loses_nobody(old_key, settings):
    people = PersonFactory.create_batch(7)
    settings.INDEX_KEYS = [OLD, NEW]  # every node knows the new one first
    assert everybody_is_found(people)
    settings.INDEX_KEYS = [NEW, OLD]
    people.append(PersonFactory())

    break_off_after(3)

    assert keys_of() == [2, 2, 2, 1, 1, 1, 1, 2]
    assert everybody_is_found(people)
    assert reindex() == 4
    assert keys_of() == keys_of("identity_index") == keys_of("name_birth_index") == [2] * 8
    assert list(left()) == []
    settings.INDEX_KEYS = [NEW]
    assert everybody_is_found(people)
    for person in Person.objects.all():
        wanted = indexes_of(person.name, person.birth_date, person.phone)
        assert {name: bytes(getattr(person, name)) for name in wanted} == wanted


def test_without_the_other_key_people_are_not_found(old_key, settings):
    """What the look-ups under all keys are for."""
    person = PersonFactory()
    settings.INDEX_KEYS = [NEW]

    assert people_meant(person.phone) == []


PEOPLE = 3000


@pytest.mark.django_db(transaction=True)
def test_killed_in_the_middle_it_goes_on_where_it_was(settings):
    settings.INDEX_KEYS = [OLD]
    template = PersonFactory(declared=True)
    Person.objects.bulk_create(
        Person(
            name=template.name,
            birth_date=template.birth_date,
            phone=f"+821099{number:06}",
            **indexes_of(template.name, template.birth_date, f"+821099{number:06}"),
        )
        for number in range(PEOPLE)
    )
    environ = os.environ | {
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "JARI_INDEX_KEYS": written_as(NEW, OLD),
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "manage.py", "reindex"]
    with subprocess.Popen(
        command, cwd=django_settings.BASE_DIR, env=environ, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline().startswith("eligibility.Person: ")
        process.send_signal(signal.SIGKILL)

    after_the_kill = keys_of()
    settings.INDEX_KEYS = [NEW, OLD]
    again = subprocess.run(
        command, cwd=django_settings.BASE_DIR, env=environ, capture_output=True, text=True
    )

    assert set(after_the_kill) == {1, 2}
    assert len(after_the_kill) == PEOPLE + 1
    assert (again.returncode, again.stderr) == (0, "")
    assert set(keys_of()) == {2}


@pytest.mark.django_db(transaction=True)
def test_people_sign_in_while_their_indexes_change(old_key, settings):
    people = PersonFactory.create_batch(12)
    settings.INDEX_KEYS = [NEW, OLD]
    signing_in = [
        partial(find_or_declare, name=person.name, birth_date=person.birth_date, phone=person.phone)
        for person in people
    ]
    fresh = {"name": "새사람", "birth_date": people[0].birth_date, "phone": "+821000009876"}

    *found, first, second, _count = at_once(
        [*signing_in, partial(find_or_declare, **fresh), partial(find_or_declare, **fresh), reindex]
    )

    assert [person.pk for person in found] == [person.pk for person in people]
    assert first == second
    assert Person.objects.count() == 13
    reindex()
    assert set(keys_of()) == {2}


@pytest.mark.django_db(transaction=True)
def test_nodes_whose_keys_are_in_another_order_wait_for_each_other(settings):
    """While the new key is made the first one node after the other."""
    fresh = {"name": "새사람", "birth_date": PersonFactory().birth_date, "phone": "+821000009876"}
    settings.INDEX_KEYS = [OLD, NEW]

    with transaction.atomic():
        lock_phones("+821000009876")
        settings.INDEX_KEYS = [NEW, OLD]
        other = Underway(partial(find_or_declare, **fresh))
        assert other.waits()
        settings.INDEX_KEYS = [OLD, NEW]
        first = find_or_declare(**fresh)
        settings.INDEX_KEYS = [NEW, OLD]

    assert other.result() == first
    assert bytes(first.phone_index)[0] == 1


def test_an_import_waits_for_the_end_and_then_finds_its_rows_unchanged(old_key, settings, roster):
    roster(*ROSTER)
    person = Person.objects.get(roster_key="R3")
    correction = ask_correction(person=person, field=Correctable.NAME, wanted="김사람")
    grant_correction(correction=correction, by="staff:1")
    settings.INDEX_KEYS = [OLD, NEW]
    before = roster(*ROSTER)
    settings.INDEX_KEYS = [NEW, OLD]

    with pytest.raises(CommandError, match="reindex"):
        roster(*ROSTER)
    reindex()
    meanwhile = roster(*ROSTER)
    settings.INDEX_KEYS = [NEW]
    again = roster(*ROSTER)

    assert "0 added, 0 changed, 3 unchanged" in before
    assert "0 added, 0 changed, 3 unchanged" in meanwhile
    assert "0 added, 0 changed, 3 unchanged" in again
    # What the authority granted is not undone by a roster that says the same as before.
    assert Person.objects.get(roster_key="R3").name == "김사람"
    assert set(keys_of("roster_digest")) == {2}


def test_a_file_without_optional_columns_is_unchanged_too(old_key, settings, roster):
    header = "person_id,name,birth_date,phone,region"
    row = "R1,홍길동,1964-05-12,010-0000-1111,서울특별시"
    roster(ROSTER[0])
    roster(row, header=header)
    settings.INDEX_KEYS = [NEW, OLD]
    reindex()

    settings.INDEX_KEYS = [NEW]
    assert "0 added, 0 changed, 1 unchanged" in roster(row, header=header)


def test_people_told_apart_by_their_district_stay_two(old_key, settings, roster):
    roster(*ROSTER[:2])
    settings.INDEX_KEYS = [NEW, OLD]

    reindex()

    settings.INDEX_KEYS = [NEW]
    first, second = Person.objects.order_by("roster_key")
    plain = indexes_of(first.name, first.birth_date, first.phone)["identity_index"]
    assert bytes(first.identity_index) == plain
    assert bytes(second.identity_index)[0] == 2
    assert bytes(second.identity_index) != plain


def test_two_rows_of_one_person_are_named_and_hold_up_no_other(old_key, settings):
    person = PersonFactory(declared=True)
    others = PersonFactory.create_batch(2)
    settings.INDEX_KEYS = [NEW]  # a node that did not know the old key
    double = PersonFactory(name=person.name, phone=person.phone, declared=True)
    settings.INDEX_KEYS = [NEW, OLD]

    reindex()

    [people] = left()
    assert (people.name, people.count, people.rows) == ("eligibility.Person", 1, (person.pk,))
    assert keys_of() == [1, 2, 2, 2]
    assert {double.pk, *(other.pk for other in others)} < set(
        Person.objects.values_list("pk", flat=True)
    )
    with pytest.raises(CommandError, match=rf"eligibility\.Person: 1\D.*{person.pk}"):
        call_command("reindex", "--check")


def test_requests_and_accounts_of_providers_are_found_under_both_and_written_anew(
    old_key, settings
):
    by, asked = PersonFactory(), PersonFactory()
    request = ask_to_book_for(
        by=by, name=asked.name, birth_date=asked.birth_date, phone=asked.phone
    )
    account = ProviderAccount.objects.create(
        provider="test", subject="s-1", subject_index=subject_index("test", "s-1"), person=by
    )
    unknown = ProviderAccount.objects.create(
        provider="test", subject_index=subject_index("test", "s-2"), person=asked
    )
    settings.INDEX_KEYS = [NEW, OLD]
    again = ask_to_book_for(by=by, name=asked.name, birth_date=asked.birth_date, phone=asked.phone)

    reindex()

    assert again == request
    assert bytes(ProxyRequest.objects.get().phone_index)[0] == 2
    account.refresh_from_db()
    assert bytes(account.subject_index) == subject_index("test", "s-1")
    # Made before subjects were stored: it changes when the person signs in.
    [accounts] = left()
    assert accounts.rows == (unknown.pk,)


def test_a_reservation_is_found_by_its_phone_under_either_key(old_key, settings):
    reservation = ReservationFactory()
    phone = reservation.person.phone

    for keys in ([OLD, NEW], [NEW, OLD]):
        settings.INDEX_KEYS = keys
        assert find_by_number(number=reservation.number, phone=phone) == reservation
        assert find_by_number(number=reservation.number, phone="+821000000000") is None
    reindex()
    settings.INDEX_KEYS = [NEW]
    assert find_by_number(number=reservation.number, phone=phone) == reservation


def test_a_code_that_was_written_down_works_until_the_line_is_over(old_key, settings, clock):
    room = make_room()
    written, room_until = join(room), room.cohort.closes_at
    code = resume_code_of(written)
    settings.INDEX_KEYS = [NEW, OLD]
    fresh = join(room)

    reindex()

    assert resume_code_of(written) == code
    for ticket in (written, fresh):
        found = Ticket.objects.filter(resume_index__in=resume_indexes(resume_code_of(ticket)))
        assert found.get() == ticket
    [codes] = left()
    assert (codes.count, codes.until) == (1, room_until)
    rooms.close_room(room=room, by="staff:1")
    assert reindex() == 1
    assert list(left()) == []


def test_codes_can_be_given_up_where_the_key_is_known_to_others(old_key, settings):
    written = join(make_room())
    code = resume_code_of(written)
    settings.INDEX_KEYS = [NEW, OLD]
    out = StringIO()

    call_command("reindex", "--give-up-codes", stdout=out)

    written.refresh_from_db()
    assert resume_code_of(written) != code
    assert not Ticket.objects.filter(resume_index__in=resume_indexes(code)).exists()
    assert Ticket.objects.get(resume_index__in=resume_indexes(resume_code_of(written))) == written


def test_a_sign_in_code_works_and_counts_across_the_change(old_key, settings, clock):
    clock.freeze()
    details = {"name": "홍길동", "birth_date": date(1964, 5, 12)}
    challenge = start_verification(phone="+821000001111", **details)
    settings.INDEX_KEYS = [NEW, OLD]
    code = "".join(sign for sign in sent_message(challenge) if sign.isdigit())[:6]

    # Until a day is over they are counted by an index of the old key.
    [codes] = left()
    assert (codes.name, codes.count) == ("eligibility.PhoneCode", 1)
    assert check_code(challenge=challenge, code=code).phone == "+821000001111"
    clock.forward(hours=24, seconds=1)
    assert list(left()) == []
    assert (PhoneCode.objects.count(), Message.objects.count()) == (1, 1)


def test_wrong_log_ins_count_across_the_change(old_key, settings, rf):
    user = StaffFactory()
    request = rf.post("/", REMOTE_ADDR="203.0.113.7")
    for _ in range(10):
        attempt_of(request, user.username, Step.PASSWORD).reserve()
    settings.INDEX_KEYS = [NEW, OLD]

    assert is_guarded(user)
    [failures] = left()
    assert failures.count == LogInFailure.objects.count() == 10


def test_the_command_says_what_is_left_and_until_when(old_key, settings):
    person = PersonFactory()
    settings.INDEX_KEYS = [NEW, OLD]
    out = StringIO()

    with pytest.raises(CommandError, match=r"eligibility\.Person: 1"):
        call_command("reindex", "--check")
    assert keys_of() == [1]
    call_command("reindex", stdout=out)
    call_command("reindex", "--check", stdout=out)

    assert "eligibility.Person: 1\n" in out.getvalue()
    assert keys_of() == [2]
    assert blind_index(person.phone, context=b"person.phone")[0] == 2


def test_a_key_that_rows_need_is_not_taken_out(old_key, settings):
    person, written = PersonFactory(), join(make_room())
    settings.INDEX_KEYS = [NEW]

    codes, people = key_problems()
    assert "eligibility.Person are found under index key 1" in people
    assert f"the line {written.room.cohort.code}" in codes
    settings.INDEX_KEYS = [NEW, OLD]
    assert list(key_problems()) == []
    reindex()
    call_command("reindex", "--give-up-codes", stdout=StringIO())
    settings.INDEX_KEYS = [NEW]
    assert list(key_problems()) == []
    assert people_meant(person.phone) == [person.pk]


def test_another_key_under_a_known_number_is_told(old_key, settings):
    PersonFactory()
    settings.INDEX_KEYS = [(1, b"x" * 32)]

    [problem] = key_problems()

    assert problem.startswith("Key 1 of JARI_INDEX_KEYS is not the one")


def test_a_lost_index_key_is_replaced_from_the_encrypted_details(old_key, settings):
    people = PersonFactory.create_batch(4)
    settings.INDEX_KEYS = [NEW]
    assert people_meant(people[0].phone) == []

    reindex()

    assert everybody_is_found(people)
    assert list(key_problems()) == []


def test_people_who_were_forgotten_hold_up_no_change(old_key, settings):
    people = PersonFactory.create_batch(3)
    forget([person.pk for person in people], now=database_now())
    # As they were written before such indexes had a number of their own.
    for person in people:
        index = b"\x01" + os.urandom(15)
        Person.objects.filter(pk=person.pk).update(
            identity_index=index, name_birth_index=index, phone_index=index
        )
    settings.INDEX_KEYS = [NEW, OLD]

    reindex()

    assert list(left()) == []
    assert keys_of() == keys_of("identity_index") == keys_of("name_birth_index") == [NO_KEY] * 3


def test_an_account_from_before_takes_the_new_key_at_the_next_sign_in(old_key, settings):
    person = PersonFactory()
    account = ProviderAccount.objects.create(
        provider="test", subject_index=subject_index("test", "s-1"), person=person
    )
    settings.INDEX_KEYS = [NEW, OLD]
    provider = Provider(
        code="test",
        name_ko="시험",
        name_en="Test",
        issuer="https://id.example",
        client_id="jari",
        client_secret="secret",
    )
    identity = Identity("s-1", person.name, person.birth_date, person.phone)

    assert vouched_for(provider=provider, identity=identity) == person

    account.refresh_from_db()
    assert (account.subject, bytes(account.subject_index)[0]) == ("s-1", 2)


@pytest.mark.django_db(transaction=True)
def test_the_web_server_does_not_start_without_a_key_that_people_need(old_key, settings):
    PersonFactory()

    started = subprocess.run(
        [sys.executable, "-m", "config.serve", "--bind", "127.0.0.1:1"],
        cwd=django_settings.BASE_DIR,
        env=os.environ
        | {"DATABASE_URL": database_url(), "JARI_INDEX_KEYS": written_as(NEW)}
        | {"DJANGO_SETTINGS_MODULE": "config.settings.test"},
        capture_output=True,
        text=True,
    )

    assert started.returncode == 1
    assert "found under index key 1, which JARI_INDEX_KEYS lacks" in started.stderr
