from datetime import date, datetime, timedelta
from functools import partial
from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone, translation

from eligibility.facts import rule_of
from eligibility.lint import Level, lint
from eligibility.models import Cohort, CohortChange
from eligibility.rules import SEOUL
from eligibility.services.changes import (
    apply_due_changes,
    plan_change,
    preview_change,
    withdraw_change,
)
from eligibility.services.decisions import decide, store_decisions
from tests.concurrency import at_once
from tests.factories import CohortFactory, PersonFactory, SlotFactory, StaffFactory

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def plan(cohort, at=None, **values):
    at = at or timezone.now() + HOUR
    return plan_change(cohort=cohort, values=values, takes_effect_at=at, by="staff:1")


@pytest.mark.parametrize("worker", [True, False])
def test_a_change_is_in_force_by_its_time_worker_or_not(worker, clock):
    cohort = CohortFactory()
    person = PersonFactory(birth_date=date(1967, 1, 1))
    now = clock.freeze()
    plan(cohort, birth_to=date(1967, 12, 31))
    before = decide(person=person)[0].eligible
    clock.move_to(now + HOUR - timedelta(microseconds=1))
    still = decide(person=person)[0].eligible
    clock.move_to(now + HOUR)
    if worker:
        assert apply_due_changes() == 1
    after = decide(person=person)[0]

    assert (before, still, after.eligible) == (False, False, True)
    assert after.cohort.birth_to == date(1967, 12, 31)
    assert (Cohort.objects.get().birth_to == date(1967, 12, 31)) == worker


def test_changes_apply_in_the_order_of_their_times(clock):
    cohort = CohortFactory()
    now = timezone.now()
    plan(cohort, at=now + 2 * HOUR, priority=2)
    plan(cohort, at=now + HOUR, priority=1)

    applied = clock.call_at(now + 3 * HOUR, apply_due_changes)

    assert applied == 2
    assert Cohort.objects.get().priority == 2


@pytest.mark.django_db(transaction=True)
def test_many_workers_apply_a_change_once(clock):
    cohort = CohortFactory()
    plan(cohort, at=timezone.now() + timedelta(milliseconds=50), priority=1)
    clock.forward(hours=1)
    outcomes = at_once([partial(apply_due_changes)] * 6)

    assert sum(outcomes) == 1


def test_a_withdrawn_change_never_comes(clock):
    cohort = CohortFactory()
    change = withdraw_change(change=plan(cohort, priority=5))

    clock.forward(hours=2)
    applied = apply_due_changes()

    assert change.withdrawn_at
    assert applied == 0
    assert Cohort.objects.get().priority == 0


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"code": "other"},
        {"birth_to": date(1900, 1, 1)},
        {"digit_hours": 25},
        {"proof": "nonsense"},
        {"regions": "Seoul"},
    ],
)
def test_what_is_no_rule_is_refused(values):
    with pytest.raises(ValidationError):
        plan(CohortFactory(), **values)


def test_rules_do_not_change_for_the_past():
    with pytest.raises(ValidationError, match="앞으로의 시각"):
        plan(CohortFactory(), at=timezone.now() - HOUR, priority=1)


def test_the_window_people_were_told_of_is_kept_open():
    cohort = CohortFactory(soon=True)
    shorter = {"closes_at": cohort.closes_at - HOUR}
    plan(cohort, **shorter)
    store_decisions(person=PersonFactory())

    for values in [shorter, {"opens_at": cohort.opens_at + HOUR}]:
        with pytest.raises(ValidationError, match="이미 안내했습니다"):
            plan(cohort, **values)
    assert plan(cohort, closes_at=cohort.closes_at + HOUR)


def test_a_preview_counts_who_gains_who_loses_and_who_was_told():
    cohort = CohortFactory(birth_from=date(1964, 1, 1), birth_to=date(1964, 12, 31))
    loser = PersonFactory(birth_date=date(1964, 1, 1))
    PersonFactory(birth_date=date(1964, 1, 2))
    PersonFactory.create_batch(3, birth_date=date(1965, 1, 1))
    PersonFactory(birth_date=date(1965, 1, 1), declared=True)
    store_decisions(person=loser)

    preview = preview_change(
        cohort=cohort,
        values={"birth_from": date(1964, 6, 1), "birth_to": date(1965, 12, 31)},
        at=timezone.now(),
    )

    assert (preview.gain, preview.lose, preview.keeping, preview.about) == (3, 2, 1, False)


def cohort(code, born, opens="2021-07-12T20:00", closes="2021-07-24T18:00", **values) -> Cohort:
    first, last = born.split("/")
    return Cohort(
        code=code,
        birth_from=date.fromisoformat(first),
        birth_to=date.fromisoformat(last),
        opens_at=datetime.fromisoformat(opens + "+09:00"),
        closes_at=datetime.fromisoformat(closes + "+09:00"),
        **values,
    )


A = cohort("a", "1962-01-01/1966-12-31")


@pytest.mark.parametrize(
    ("cohorts", "found"),
    [
        ([A], []),
        ([A, cohort("b", "1967-01-01/1968-12-31")], []),
        ([A, cohort("b", "1967-01-02/1968-12-31")], [("warning", ("a", "b"), "1967-01-01")]),
        ([A, cohort("b", "1966-12-31/1968-12-31")], [("error", ("a", "b"), "both")]),
        ([A, cohort("b", "1966-12-31/1968-12-31", priority=1)], []),
        ([A, cohort("b", "1966-12-31/1968-12-31", groups=["nurse"])], []),
        (
            [
                A,
                cohort(
                    "b",
                    "1964-01-01/1964-12-31",
                    opens="2021-07-24T18:00",
                    closes="2021-07-25T18:00",
                ),
            ],
            [],
        ),
        ([cohort("a", "1967-01-01/1966-01-01")], [("error", ("a",), "first day")]),
        (
            [cohort("a", "1962-01-01/1966-12-31", closes="2021-07-12T19:00")],
            [("error", ("a",), "closes before")],
        ),
        (
            [
                A,
                cohort(
                    "b",
                    "1962-01-01/1966-12-31",
                    opens="2021-07-25T20:00",
                    closes="2021-07-26T18:00",
                ),
            ],
            [("warning", ("a", "b"), "Nothing is open")],
        ),
        (
            [
                cohort(
                    "a",
                    "1962-01-01/1966-12-31",
                    opens="2021-07-25T20:00",
                    closes="2021-08-04T18:00",
                    digit_hours=22,
                )
            ],
            [("error", ("a",), "ends in 4")],
        ),
        ([cohort("old", "1900-01-01/1950-12-31", closes="2021-07-13T18:00"), A], []),
    ],
)
def test_lint_finds_what_it_should_and_nothing_else(cohorts, found, monkeypatch):
    monkeypatch.setattr("eligibility.hooks.lint_checks", [])
    PersonFactory()
    at = datetime(2021, 7, 13, 20, tzinfo=SEOUL)
    for number, one in enumerate(cohorts):
        one.pk = number

    with translation.override("en"):
        findings = lint(cohorts, [rule_of(one) for one in cohorts], at)

    assert [(f.level, f.cohorts) for f in findings] == [(Level(level), c) for level, c, _t in found]
    assert all(text in f.text for f, (_l, _c, text) in zip(findings, found, strict=True))


@pytest.fixture
def client_of_authority(client):
    client.force_login(StaffFactory())
    return client


def test_the_admin_shows_timeline_and_findings(client_of_authority):
    CohortFactory(code="first", birth_to=date(1963, 12, 31))
    CohortFactory(code="second", birth_from=date(1964, 1, 2))

    page = client_of_authority.get(reverse("admin:timeline"), headers={"accept-language": "en"})

    texts = [finding.text for finding in page.context["findings"]]
    assert page.content.decode().count("<rect") == 2
    assert "Born 1964-01-01 to 1964-01-01: in no cohort." in texts
    assert texts.count("It opens with no time that could be booked.") == 2
    assert "It asks for the roster, and no roster is loaded." in texts


def test_the_admin_previews_a_change_before_it_is_planned(client_of_authority):
    cohort = CohortFactory(birth_to=date(1963, 12, 31))
    PersonFactory.create_batch(2, birth_date=date(1964, 5, 12))
    at = timezone.localtime() + HOUR
    typed = {
        "cohort": cohort.pk,
        "takes_effect_at_0": f"{at:%Y-%m-%d}",
        "takes_effect_at_1": f"{at:%H:%M:%S}",
        "birth_to": "1964-12-31",
    }
    url = reverse("admin:eligibility_cohortchange_add")

    first = client_of_authority.post(url, typed, headers={"accept-language": "en"})
    planned_after_first = CohortChange.objects.count()
    form = first.context["adminform"].form
    second = client_of_authority.post(url, {**typed, "confirmed": form["confirmed"].value()})

    change = CohortChange.objects.get()
    assert (form.preview.gain, form.preview.lose) == (2, 0)
    assert "2 people of the roster gain and 0 lose" in first.content.decode()
    assert planned_after_first == 0
    assert second.status_code == 302
    assert change.values == {"birth_to": "1964-12-31"}
    assert change.by.startswith("staff:")


def test_other_values_than_those_previewed_are_previewed_anew(client_of_authority):
    cohort = CohortFactory(birth_to=date(1963, 12, 31))
    PersonFactory.create_batch(2, birth_date=date(1964, 5, 12))
    at = timezone.localtime() + HOUR
    typed = {
        "cohort": cohort.pk,
        "takes_effect_at_0": f"{at:%Y-%m-%d}",
        "takes_effect_at_1": f"{at:%H:%M:%S}",
        "birth_to": "1964-04-30",
    }
    url = reverse("admin:eligibility_cohortchange_add")
    seen = client_of_authority.post(url, typed).context["adminform"].form["confirmed"].value()

    other = {**typed, "birth_to": "1964-12-31", "confirmed": seen}
    again = client_of_authority.post(url, other)

    assert again.context["adminform"].form.preview.gain == 2
    assert not CohortChange.objects.exists()


def test_rules_that_people_were_told_of_can_not_be_typed_over(client_of_authority):
    cohort = CohortFactory()
    url = reverse("admin:eligibility_cohort_change", args=[cohort.pk])
    before = client_of_authority.get(url).context["adminform"].form.fields
    store_decisions(person=PersonFactory())

    after = client_of_authority.get(url).context["adminform"].form.fields

    assert "birth_to" in before
    assert after == {}


def test_lint_cohorts_fails_on_errors_only():
    PersonFactory()
    CohortFactory(code="first")
    out = StringIO()

    with pytest.raises(CommandError, match=r"1 error\."):
        call_command("lint_cohorts", stdout=out, language="en")
    SlotFactory()
    call_command("lint_cohorts", stdout=out, language="en")

    assert out.getvalue().splitlines() == [
        "Error: first: It opens with no time that could be booked.",
        "Nothing is missing, double or out of order.",
    ]
