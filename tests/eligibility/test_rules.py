import timeit
from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eligibility.enums import Proof, Reason, Window
from eligibility.rules import SEOUL, Facts, Rule, decide, decide_all, digit_windows

OPENS = datetime(2021, 7, 12, 20, tzinfo=SEOUL)
CLOSES = datetime(2021, 7, 24, 18, tzinfo=SEOUL)
TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)
ANY_DAY = st.dates(date(1900, 1, 1), date(2025, 12, 31))


def rule(**values) -> Rule:
    values = {
        "cohort_id": 1,
        "birth_from": date(1962, 1, 1),
        "birth_to": date(1966, 12, 31),
        "opens_at": OPENS,
        "closes_at": CLOSES,
        "proof": Proof.COUNTER,
        **values,
    }
    return Rule(**values)


@given(first=ANY_DAY, length=st.integers(0, 4000), born=ANY_DAY)
def test_exactly_the_days_between_both_included_are_eligible(first, length, born):
    last = first + timedelta(days=length)

    outcome = decide(Facts(born), rule(birth_from=first, birth_to=last), OPENS)

    assert outcome.eligible == (first <= born <= last)


@given(first=ANY_DAY, length=st.integers(0, 4000))
def test_both_sides_of_both_birth_days(first, length):
    last = first + timedelta(days=length)
    asked = rule(birth_from=first, birth_to=last)

    answers = [
        decide(Facts(born), asked, OPENS).eligible
        for born in (first - DAY, first, last, last + DAY)
    ]

    assert answers == [False, True, True, False]


@pytest.mark.parametrize("year", range(1900, 2026))
def test_every_day_of_a_year_is_in_the_cohort_of_that_year_only(year):
    """29 February among them."""
    rules = [
        rule(
            cohort_id=shift,
            birth_from=date(year + shift, 1, 1),
            birth_to=date(year + shift, 12, 31),
        )
        for shift in (-1, 0, 1)
    ]
    day = date(year, 1, 1)
    while day.year == year:
        found = [
            answer.cohort_id for answer in decide_all(Facts(day), rules, OPENS) if answer.eligible
        ]
        assert found == [0], day
        day += DAY


@given(
    day=st.dates(date(2021, 1, 1), date(2030, 12, 31)),
    clock=st.times(),
    zone=st.sampled_from(["UTC", "Asia/Seoul", "America/New_York"]),
)
def test_window_opens_on_its_instant_and_ends_before_its_end_in_any_zone(day, clock, zone):
    opens = datetime.combine(day, clock, tzinfo=SEOUL)
    closes = opens + timedelta(hours=22)
    outcome = decide(Facts(date(1964, 5, 12)), rule(opens_at=opens, closes_at=closes), opens)

    instants = [opens - TICK, opens, closes - TICK, closes]
    windows = [outcome.window(at) for at in instants]

    assert windows == [Window.SOON, Window.OPEN, Window.OPEN, Window.CLOSED]


@given(day=st.dates(date(2021, 7, 12), date(2021, 7, 24)))
def test_midnight_changes_nothing_inside_a_window(day):
    """At two in the morning of 20 July 2021 people of the right age were sent away."""
    midnight = datetime.combine(day, time(0), tzinfo=SEOUL)
    facts = Facts(date(1964, 5, 12))

    shifts = [-TICK, timedelta(0), TICK, timedelta(hours=2)]
    outcomes = [decide(facts, rule(), midnight + shift) for shift in shifts]

    assert outcomes == [outcomes[0]] * 4
    assert outcomes[0].eligible


@pytest.mark.parametrize(
    ("facts", "asked", "reason"),
    [
        ({}, {"proof": Proof.ROSTER}, Reason.NOT_CONFIRMED),
        ({"on_roster": True}, {"proof": Proof.ROSTER}, Reason.BORN),
        ({"certified": True}, {"proof": Proof.ROSTER}, Reason.BORN),
        ({"certified": True}, {"proof": Proof.ROSTER, "members_only": True}, Reason.NOT_CONFIRMED),
        ({"on_roster": True}, {"proof": Proof.PROVIDER}, Reason.NOT_CERTIFIED),
        ({"certified": True}, {"proof": Proof.PROVIDER}, Reason.BORN),
        ({}, {"regions": frozenset({"부산광역시"})}, Reason.OTHER_REGION),
        ({"region": "부산광역시"}, {"regions": frozenset({"부산광역시"})}, Reason.BORN),
        ({}, {"groups": frozenset({"nurse"})}, Reason.OTHER_GROUP),
        ({"groups": frozenset({"nurse"})}, {"groups": frozenset({"nurse", "x"})}, Reason.BORN),
        (
            {"groups": frozenset({"nurse", "done"})},
            {"groups": frozenset({"nurse"}), "excluded_groups": frozenset({"done"})},
            Reason.EXCLUDED,
        ),
        ({"last_dose_on": None}, {"min_days_since_dose": 90}, Reason.BORN),
        ({"last_dose_on": date(2021, 4, 13)}, {"min_days_since_dose": 90}, Reason.BORN),
        ({"last_dose_on": date(2021, 4, 14)}, {"min_days_since_dose": 90}, Reason.TOO_EARLY),
    ],
)
def test_each_condition_decides_and_is_named(facts, asked, reason):
    outcome = decide(Facts(date(1964, 5, 12), **facts), rule(**asked), OPENS)

    assert outcome.rule == reason
    assert outcome.eligible == (reason == Reason.BORN)


def test_ten_day_rotation_gives_every_birthday_its_one_day_of_august_2021():
    """9 to 18 August 2021: each day its last digit, from 20:00 to 18:00 of the next day."""
    asked = rule(
        birth_from=date(1972, 1, 1),
        birth_to=date(2003, 12, 31),
        opens_at=datetime(2021, 8, 9, 20, tzinfo=SEOUL),
        closes_at=datetime(2021, 8, 19, 18, tzinfo=SEOUL),
        digit_hours=22,
    )
    for day in range(1, 32):
        windows = list(digit_windows(asked, date(1980, 1, day)))
        turn = next(on for on in range(9, 19) if on % 10 == day % 10)
        assert windows == [
            (
                datetime(2021, 8, turn, 20, tzinfo=SEOUL),
                datetime(2021, 8, turn + 1, 18, tzinfo=SEOUL),
            )
        ]


def test_digit_without_a_day_is_told_so():
    """25 July to 3 August has no day that ends in 4."""
    asked = rule(
        opens_at=datetime(2021, 7, 25, 20, tzinfo=SEOUL),
        closes_at=datetime(2021, 8, 4, 18, tzinfo=SEOUL),
        digit_hours=22,
    )

    outcomes = [decide(Facts(date(1964, 5, day)), asked, OPENS) for day in range(1, 11)]

    assert [o.rule == Reason.NO_DIGIT_DAY for o in outcomes] == [day == 4 for day in range(1, 11)]


def test_digit_window_moves_on_to_the_next_turn_when_one_is_over():
    asked = rule(
        opens_at=datetime(2021, 8, 1, 20, tzinfo=SEOUL),
        closes_at=datetime(2021, 8, 31, 18, tzinfo=SEOUL),
        digit_hours=22,
    )
    facts = Facts(date(1964, 5, 2))

    starts = [
        decide(facts, asked, datetime(2021, 8, day, 12, tzinfo=SEOUL)).window_from.day
        for day in (1, 3, 4, 13, 14, 30)
    ]

    assert starts == [2, 2, 12, 12, 22, 22]


def test_the_cohort_to_take_comes_first():
    now = OPENS + DAY
    rules = [
        rule(cohort_id=1, birth_to=date(1962, 1, 1)),
        rule(cohort_id=2, opens_at=now + DAY, priority=9),
        rule(cohort_id=3),
        rule(cohort_id=4, priority=5),
        rule(cohort_id=5, opens_at=OPENS - DAY * 9, closes_at=OPENS, priority=9),
    ]

    answers = decide_all(Facts(date(1964, 5, 12)), rules, now)

    assert [answer.cohort_id for answer in answers] == [4, 3, 2, 5, 1]


def test_one_decision_takes_less_than_fifty_microseconds():
    facts, asked = Facts(date(1964, 5, 12), on_roster=True), rule(proof=Proof.ROSTER)

    seconds = min(timeit.repeat(lambda: decide(facts, asked, OPENS), number=2000, repeat=5)) / 2000

    assert seconds < 50e-6


# July 2021, as announced: born from, born until, opens, closes (Asia/Seoul).
TIMETABLE = [
    ("1962-01-01", "1966-12-31", "2021-07-12T00:00", "2021-07-12T15:30"),
    ("1962-01-01", "1966-12-31", "2021-07-14T20:00", "2021-07-24T18:00"),
    ("1967-01-01", "1968-12-31", "2021-07-19T20:00", "2021-07-24T18:00"),
    ("1969-01-01", "1971-12-31", "2021-07-20T20:00", "2021-07-24T18:00"),
    ("1967-01-01", "1971-12-31", "2021-07-21T20:00", "2021-07-24T18:00"),
]
# On both sides of each edge between two groups.
BIRTHS = [
    date(1961, 12, 31), date(1962, 1, 1), date(1964, 2, 29), date(1966, 12, 31), date(1967, 1, 1),
    date(1968, 2, 29), date(1968, 12, 31), date(1969, 1, 1), date(1971, 12, 31), date(1972, 1, 1),
]  # fmt: skip


def test_july_2021_minute_by_minute_refuses_nobody_of_the_right_age():
    rules = [
        rule(
            cohort_id=number,
            birth_from=date.fromisoformat(first),
            birth_to=date.fromisoformat(last),
            opens_at=datetime.fromisoformat(opens + "+09:00"),
            closes_at=datetime.fromisoformat(closes + "+09:00"),
        )
        for number, (first, last, opens, closes) in enumerate(TIMETABLE)
    ]
    at, end = datetime(2021, 7, 12, tzinfo=SEOUL), datetime(2021, 7, 25, tzinfo=SEOUL)
    asked = 0
    while at < end:
        # Compared as texts, apart from any arithmetic with dates or zones.
        wall = f"{at:%Y-%m-%dT%H:%M}"
        for born in BIRTHS:
            due = {
                number
                for number, (first, last, opens, closes) in enumerate(TIMETABLE)
                if first <= str(born) <= last and opens <= wall < closes
            }
            answers = decide_all(Facts(born), rules, at)
            open_now = {
                answer.cohort_id
                for answer in answers
                if answer.eligible and answer.window(at) == Window.OPEN
            }
            assert open_now == due, (born, at)
            assert not due or answers[0].cohort_id in due
            asked += 1
        at += timedelta(minutes=1)
    assert asked == 13 * 24 * 60 * len(BIRTHS)
