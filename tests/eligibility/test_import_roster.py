import csv
import random
from collections import Counter
from datetime import date
from functools import partial
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from eligibility.enums import Source
from eligibility.indexes import indexes_of
from eligibility.models import Person
from eligibility.services.identity import find_or_declare
from eligibility.services.roster import PIECE, remove_from_roster
from tests.concurrency import at_once

HEADER = "person_id,name,birth_date,phone,region,district,groups,last_dose_on"
HONG = "R1,홍길동,1964-05-12,010-0000-1111,서울특별시,강남구,,"
KIM = "R2,Kim Minjun,19650101,01000002222,부산광역시,,nurse;doctor,2026-05-01"


@pytest.fixture
def run(tmp_path):
    def run(*rows, header=HEADER, encoding="utf-8", **options) -> str:
        path = tmp_path / "roster.csv"
        path.write_text("\r\n".join([header, *rows]) + "\r\n", encoding=encoding)
        out, errors = StringIO(), StringIO()
        try:
            call_command("import_roster", path, stdout=out, stderr=errors, language="en", **options)
        except CommandError as error:
            return f"{errors.getvalue()}{out.getvalue()}{error}"
        return errors.getvalue() + out.getvalue()

    return run


@pytest.mark.django_db
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_import_roster_stores_what_the_model_reads(run, encoding):
    report = run(HONG, KIM, encoding=encoding)

    hong, kim = Person.objects.order_by("roster_key")
    assert "2 added, 0 changed, 0 unchanged, 0 refused" in report
    assert (hong.name, hong.birth_date, hong.phone) == (
        "홍길동",
        date(1964, 5, 12),
        "+821000001111",
    )
    assert (hong.source, hong.region, hong.district) == (Source.ROSTER, "서울특별시", "강남구")
    assert (hong.groups, hong.last_dose_on) == ([], None)
    assert (kim.groups, kim.last_dose_on) == (["doctor", "nurse"], date(2026, 5, 1))
    for person in (hong, kim):
        indexes = indexes_of(person.name, person.birth_date, person.phone)
        assert {name: bytes(getattr(person, name)) for name in indexes} == indexes


@pytest.mark.django_db
@pytest.mark.parametrize("spelling", ["서울특별시", "서울시", "서울"])
def test_import_roster_writes_regions_as_local_government_looks_them_up(run, spelling):
    run(HONG.replace("서울특별시", spelling))

    assert Person.objects.get().region == "서울특별시"


@pytest.mark.django_db
def test_import_roster_twice_changes_nothing_and_a_corrected_file_only_what_differs(run):
    run(HONG, KIM)
    before = dict(Person.objects.values_list("roster_key", "roster_digest"))

    again = run(KIM, HONG)
    corrected = run(HONG.replace("강남구", "종로구"), KIM)

    assert "0 added, 0 changed, 2 unchanged" in again
    assert "0 added, 1 changed, 1 unchanged" in corrected
    assert Person.objects.get(roster_key="R1").district == "종로구"
    assert Person.objects.get(roster_key="R2").roster_digest == before["R2"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (HONG.replace("R1", "R 1"), "column person_id"),
        (HONG.replace("홍길동", ""), "column name: This must not be empty"),
        (HONG.replace("홍길동", "가" * 61), "column name: At most 60"),
        (HONG.replace("1964-05-12", "1964-02-30"), "column birth_date: There is no such day"),
        (HONG.replace("1964-05-12", "2999-01-01"), "column birth_date: Write the birth date"),
        (HONG.replace("010-0000-1111", "02-123-4567"), "column phone"),
        (HONG + ",,", "10 cells where the first line has 8"),
        (KIM, "the same as line 2"),
        (KIM.replace("R2", "R3"), "the same person as line 2"),
    ],
)
def test_import_roster_names_line_and_column_but_no_value(run, row, problem):
    report = run(KIM, row)

    assert f"line 3, {problem}" in report
    assert not Person.objects.exists()
    for value in ["홍길동", "010-0000-1111", "1964", "0000-1111"]:
        assert value not in report


@pytest.mark.django_db
def test_import_roster_takes_the_good_rows_and_gives_the_others_back(run, tmp_path):
    report = run(HONG.replace("010-0000-1111", "없음"), KIM, skip_refused=True)

    path = tmp_path / "roster.csv.refused.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert "1 added, 0 changed, 0 unchanged, 1 refused" in report
    assert rows[0][-2:] == ["refused_line", "refused_reason"]
    assert rows[1][:4] == ["R1", "홍길동", "1964-05-12", "없음"]
    assert rows[1][8] == "2"
    assert path.stat().st_mode & 0o077 == 0
    assert list(Person.objects.values_list("roster_key", flat=True)) == ["R2"]


@pytest.mark.django_db
def test_import_roster_adopts_somebody_who_signed_in_before(run):
    declared = find_or_declare(name="홍 길동", birth_date=date(1964, 5, 12), phone="+821000001111")

    report = run(HONG)

    declared.refresh_from_db()
    assert "1 added" in report
    assert Person.objects.get() == declared
    assert (declared.roster_key, declared.source) == ("R1", Source.ROSTER)


@pytest.mark.django_db
def test_import_roster_with_a_new_phone_goes_to_whoever_signed_in_with_it(run):
    """The person signed in with the new phone before the authority knew it."""
    run(HONG)
    old = Person.objects.get()
    new = find_or_declare(name="홍길동", birth_date=date(1964, 5, 12), phone="+821000003333")

    report = run(HONG.replace("010-0000-1111", "010-0000-3333"))

    old.refresh_from_db()
    new.refresh_from_db()
    assert "0 added, 1 changed" in report
    assert (new.roster_key, new.source) == ("R1", Source.ROSTER)
    assert (old.roster_key, old.source) == (None, Source.DECLARED)
    assert "1 unchanged" in run(HONG.replace("010-0000-1111", "010-0000-3333"))


@pytest.mark.django_db
def test_import_roster_lets_two_people_change_phones_with_each_other(run):
    first = "R1,홍길동,1964-05-12,010-0000-1111,서울특별시,,,"
    second = "R2,홍길동,1964-05-12,010-0000-2222,서울특별시,,,"
    run(first, second)

    report = run(first.replace("1111", "2222"), second.replace("2222", "1111"))

    phones = dict(Person.objects.order_by("roster_key").values_list("roster_key", "phone"))
    assert "2 changed" in report
    assert phones == {"R1": "+821000002222", "R2": "+821000001111"}
    for person in Person.objects.all():
        expected = indexes_of(person.name, person.birth_date, person.phone)
        assert bytes(person.identity_index) == expected["identity_index"]


@pytest.mark.django_db
def test_import_roster_tells_two_of_one_name_birthday_and_phone_apart_by_district(run):
    other = HONG.replace("R1", "R2").replace("강남구", "종로구")

    report = run(HONG, other)
    again = run(other, HONG)
    third = run(HONG, other, HONG.replace("R1", "R3"))

    assert "2 added" in report
    assert "2 unchanged" in again
    assert "line 4, this person is on the roster under another key." in third


@pytest.mark.django_db
def test_remove_from_roster_is_explicit_and_can_be_taken_back(run):
    run(HONG, KIM)

    shorter = run(HONG)
    removed = remove_from_roster(roster_keys=["R2", "R9"])
    back = run(HONG, KIM)

    assert "1 unchanged" in shorter
    assert removed == 1
    assert "1 added, 0 changed, 1 unchanged" in back
    assert Person.objects.count() == 2


@pytest.mark.django_db
def test_import_roster_in_several_processes_answers_as_in_one(run):
    rows = [
        f"R{n},홍길{chr(0xAC00 + n)},1964-05-12,010-{n // 10000:04}-{n % 10000:04},서울특별시,,,"
        for n in range(PIECE * 2 + 10)
    ]
    rows[7] = rows[7].replace("1964-05-12", "1964-05-32")
    rows[PIECE + 7] = rows[3]

    report = run(*rows, processes=2, skip_refused=True)

    assert f"{len(rows) - 2} added, 0 changed, 0 unchanged, 2 refused" in report
    assert "line 9, column birth_date" in report
    assert f"line {PIECE + 9}, the same as line 5." in report


@pytest.mark.django_db(transaction=True)
def test_import_roster_and_first_sign_in_at_once_make_one_person(run):
    sign_in = partial(
        find_or_declare, name="홍길동", birth_date=date(1964, 5, 12), phone="+821000001111"
    )

    outcomes = at_once([sign_in, partial(run, HONG), sign_in])

    assert "1 added" in outcomes[1]
    person = Person.objects.get()
    assert person.roster_key == "R1"
    assert outcomes[0] == outcomes[2] == person


@pytest.mark.django_db
@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
def test_a_fuzzed_roster_ends_in_exact_counts(run, encoding):
    """Each row is spoilt in a known way, or not: the counts must be those of the recipe."""
    count, random_ = 100_000, random.Random(7)  # noqa: S311 - the same rows every time
    good = [
        f"K{n:06},홍길{chr(0xAC00 + n % 500)},19{n % 60 + 10}-0{n % 9 + 1}-1{n % 10},"
        f"010-{n // 10000 + 1:04}-{n % 10000:04},서울특별시,강남구,,"
        for n in range(count)
    ]
    spoil = {
        "date": lambda row: row.replace("-0", "-9", 1),
        "cells": lambda row: row + ",x",
        "name": lambda row: row.split(",")[0] + ",," + row.split(",", 2)[2],
        "phone": lambda row: row.replace(",010-", ",070-"),
        "double": lambda row: good[0],
    }
    recipe = Counter()
    rows = [good[0]]
    for row in good[1:]:
        kind = random_.choice([*spoil, *["good"] * 20])
        recipe[kind] += 1
        rows.append(spoil[kind](row) if kind != "good" else row)

    report = run(*rows, encoding=encoding, skip_refused=True)
    again = run(*rows, encoding=encoding, skip_refused=True)

    refused = count - 1 - recipe["good"]
    assert f"{recipe['good'] + 1} added, 0 changed, 0 unchanged, {refused} refused" in report
    assert f"0 added, 0 changed, {recipe['good'] + 1} unchanged, {refused} refused" in again


@pytest.mark.django_db
def test_import_roster_keeps_what_a_column_that_is_absent_would_hold(tmp_path):
    path = tmp_path / "roster.csv"
    short = HEADER.removesuffix(",groups,last_dose_on")
    cells = KIM.rsplit(",", 2)[0]
    path.write_text(f"{HEADER}\n{KIM}\n", encoding="utf-8")
    call_command("import_roster", path, stdout=StringIO(), stderr=StringIO())
    path.write_text(f"{short}\n{cells}\n", encoding="utf-8")

    call_command("import_roster", path, stdout=StringIO(), stderr=StringIO())

    kim = Person.objects.get()
    assert (kim.groups, kim.last_dose_on) == (["doctor", "nurse"], date(2026, 5, 1))

    path.write_text(f"{HEADER}\n{cells},,\n", encoding="utf-8")
    call_command("import_roster", path, stdout=StringIO(), stderr=StringIO())

    kim.refresh_from_db()
    assert (kim.groups, kim.last_dose_on) == ([], None)
