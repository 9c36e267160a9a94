from datetime import date, datetime, timedelta
from functools import partial

import pytest
from django.utils import timezone, translation

from eligibility import reasons
from eligibility.enums import Reason, Window
from eligibility.models import Cohort, Decision
from eligibility.rules import SEOUL
from eligibility.services.decisions import decide, eligible_decision, store_decisions
from tests.concurrency import at_once
from tests.factories import CohortFactory, PersonFactory

pytestmark = pytest.mark.django_db


def test_a_yes_is_stored_and_a_no_is_not():
    mine = CohortFactory()
    CohortFactory(birth_from=date(1990, 1, 1), birth_to=date(1990, 12, 31))
    person = PersonFactory()

    store_decisions(person=person)

    decision = Decision.objects.get()
    assert (decision.cohort, decision.eligible, decision.rule) == (mine, True, Reason.BORN)
    assert (decision.window_from, decision.window_to) == (mine.opens_at, mine.closes_at)


def test_a_closed_cohort_is_answered_but_not_stored():
    CohortFactory(closed=True)

    answers = store_decisions(person=PersonFactory())

    assert [answer.window(timezone.now()) for answer in answers] == [Window.CLOSED]
    assert not Decision.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"birth_to": date(1963, 12, 31)},
        {"members_only": True, "proof": "provider"},
        {"regions": ["부산광역시"]},
        {"groups": ["nurse"]},
        {"closes_at": datetime(2021, 7, 15, 12, tzinfo=SEOUL)},
        {"opens_at": datetime(2021, 7, 20, 20, tzinfo=SEOUL)},
    ],
)
def test_a_yes_is_never_taken_back_within_its_window(change, clock):
    clock.at("20:00", on=date(2021, 7, 14))
    cohort = CohortFactory(
        opens_at=datetime(2021, 7, 14, 20, tzinfo=SEOUL),
        closes_at=datetime(2021, 7, 24, 18, tzinfo=SEOUL),
    )
    person = PersonFactory()
    store_decisions(person=person)
    told = Decision.objects.get()

    Cohort.objects.filter(pk=cohort.pk).update(**change)
    clock.at("02:00", on=date(2021, 7, 20))
    again = store_decisions(person=person)
    joining = eligible_decision(person.pk, cohort)

    assert again[0].eligible
    assert (again[0].window_from, again[0].window_to) == (told.window_from, told.window_to)
    assert joining.pk == told.pk


def test_a_longer_window_is_the_persons_too():
    cohort = CohortFactory()
    person = PersonFactory()
    store_decisions(person=person)

    later = cohort.closes_at + timedelta(days=3)
    Cohort.objects.filter(pk=cohort.pk).update(closes_at=later)
    store_decisions(person=person)

    assert Decision.objects.get().window_to == later


def test_a_cohort_added_after_signing_in_is_decided_when_joining():
    person = PersonFactory()
    store_decisions(person=person)
    cohort = CohortFactory()

    decision = eligible_decision(person.pk, cohort)

    assert (decision.person, decision.cohort, decision.eligible) == (person, cohort, True)
    assert eligible_decision(person.pk, cohort) == decision


def test_nobody_else_gets_a_yes_when_joining():
    cohort = CohortFactory()
    outsider = PersonFactory(birth_date=date(1990, 1, 1))

    assert eligible_decision(outsider.pk, cohort) is None
    assert eligible_decision(10**9, cohort) is None
    assert not Decision.objects.exists()


def test_asking_again_for_a_known_yes_is_one_query(django_assert_num_queries):
    cohort, person = CohortFactory(), PersonFactory()
    store_decisions(person=person)

    with django_assert_num_queries(1):
        eligible_decision(person.pk, cohort)


def test_the_next_day_of_a_birth_digit_follows_when_one_is_over(clock):
    clock.at("12:00", on=date(2021, 8, 1))
    CohortFactory(
        opens_at=datetime(2021, 8, 1, 20, tzinfo=SEOUL),
        closes_at=datetime(2021, 8, 31, 18, tzinfo=SEOUL),
        digit_hours=22,
    )
    person = PersonFactory(birth_date=date(1964, 5, 2))
    days = []
    for day, hour in [(1, 12), (2, 21), (4, 0)]:
        clock.move_to(datetime(2021, 8, day, hour, tzinfo=SEOUL))
        store_decisions(person=person)
        days.append(timezone.localtime(Decision.objects.get().window_from).day)

    assert days == [2, 2, 12]


def test_decide_writes_nothing_and_asks_twice(django_assert_num_queries):
    CohortFactory.create_batch(3)
    person = PersonFactory()

    with django_assert_num_queries(2):
        decide(person=person)

    assert not Decision.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_devices_at_once_store_one_decision_per_cohort():
    CohortFactory.create_batch(2)
    person = PersonFactory()

    outcomes = at_once([partial(store_decisions, person=person)] * 8)

    assert [type(outcome) for outcome in outcomes] == [list] * 8
    assert Decision.objects.count() == 2


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("code", list(Reason))
def test_every_reason_has_a_sentence_in_both_languages(code, language):
    values = {
        "from": "1962-01-01",
        "to": "1966-12-31",
        "regions": "서울특별시",
        "digit": "4",
        "count": "5",
    }
    with translation.override(language):
        text = reasons.sentence(code, values) + reasons.what_would_change_it(code)
    with translation.override("en"):
        english = reasons.sentence(code, values) + reasons.what_would_change_it(code)

    assert "%(" not in text
    assert (text == english) == (language == "en")
