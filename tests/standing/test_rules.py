"""The one decision: exactly one state for any facts, and never a button that would be refused."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from django.utils import translation

from standing.facts import Appointment, LineFacts, PersonFacts
from standing.rules import of_each_line, public_state, standing_of, state_of_line
from standing.states import KEEPS_ITS_PAGE, MAY_BE_JOINED, OF_A_LINE, PERSONAL, State
from standing.texts import TABLE

NOW = datetime(2026, 7, 20, 11, tzinfo=UTC)
HOUR = timedelta(hours=1)
LINE = LineFacts(
    "fifties", "50s", NOW - HOUR, NOW + HOUR, joinable_from=NOW - 2 * HOUR, eligible=True
)
APPOINTMENT = Appointment("482913", NOW + 48 * HOUR, "Clinic", NOW + 24 * HOUR)
TICKET = "b0d9f3c0-0000-4000-8000-000000000001"
IN_LINE = replace(LINE, ticket=TICKET, has_places=True)

LINES = {
    State.NOT_YOURS: replace(LINE, eligible=False),
    State.NOT_YET: replace(LINE, joinable_from=NOW + HOUR, opens_at=NOW + 2 * HOUR),
    State.MAY_GATHER: replace(LINE, opens_at=NOW + HOUR),
    State.MAY_JOIN: LINE,
    State.REVIEW: replace(LINE, is_provisional=True),
    State.GATHERED: replace(LINE, ticket=TICKET, opens_at=NOW + HOUR),
    State.WAITING: IN_LINE,
    State.PAUSED: replace(IN_LINE, is_paused=True),
    State.STILL: replace(IN_LINE, stands_still=True),
    State.CALLED: replace(IN_LINE, is_called=True),
    State.DOOR: replace(IN_LINE, is_called=True, at_door=True),
    State.INSIDE: replace(IN_LINE, is_called=True, inside_until=NOW + HOUR / 4),
    State.LEFT: replace(IN_LINE, has_left=True),
    State.CLOSED: replace(IN_LINE, has_ended=True, closes_at=NOW),
}
PEOPLE = {
    State.HELD: {"held_until": NOW + HOUR / 6},
    State.OFFER: {"offer": "b0d9f3c0-0000-4000-8000-000000000000", "offer_until": NOW + HOUR},
    State.SECOND_MISSING: {"misses_second": True, "booked": APPOINTMENT},
    State.BOOKED: {"booked": APPOINTMENT},
    State.ON_LIST: {"on_list": True},
    State.CANCELLED: {"cancelled": APPOINTMENT},
    State.DONE: {"is_done": True, "done_number": "482913"},
}


@pytest.mark.parametrize("state", OF_A_LINE)
def test_a_line_gives_its_state(state):
    assert state_of_line(LINES[state], NOW) == state
    assert standing_of(PersonFacts(NOW, [LINES[state]])).state == state


@pytest.mark.parametrize("state", PEOPLE)
def test_what_is_booked_is_above_every_line(state):
    for line in [*LINES.values(), None]:
        facts = PersonFacts(NOW, [line] if line else [], **PEOPLE[state])
        kept = line is not None and state_of_line(line, NOW) in KEEPS_ITS_PAGE

        inside = line == LINES[State.INSIDE] and state in (
            State.ON_LIST, State.CANCELLED, State.DONE
        )  # fmt: skip
        at_door = line == LINES[State.DOOR] and state == State.CANCELLED
        if not (inside or at_door):
            assert standing_of(facts).state == state
        if kept:
            # The page of a ticket keeps the number in sight.
            assert standing_of(facts, line.code).state == state_of_line(line, NOW)


def test_a_visitor_is_unknown():
    assert standing_of(None).state == State.UNKNOWN


def test_every_state_has_its_row_and_its_place_in_the_order():
    assert set(TABLE) == set(State)
    assert set(PERSONAL) | set(OF_A_LINE) | {State.UNKNOWN} == set(State)


def test_the_nearest_line_speaks_for_the_person():
    lines = [replace(LINES[state], code=state) for state in (State.CLOSED, State.WAITING)]
    lines.append(replace(LINES[State.CALLED], code="called"))
    facts = PersonFacts(NOW, lines)

    assert standing_of(facts).line.code == "called"
    assert [one.state for one in of_each_line(facts)] == [
        State.CALLED, State.WAITING, State.CLOSED
    ]  # fmt: skip


@pytest.mark.parametrize("language", ["ko", "en", "zh-hans", "vi"])
def test_each_state_has_a_shorter_sentence_in_easy_words(language):
    with translation.override(language):
        said = {state: (str(row.sentence), str(row.easy)) for state, row in TABLE.items()}

    # Day and clinic are all that this one says.
    when, same = said.pop(State.BOOKED)
    assert when == same
    assert {state: texts for state, texts in said.items() if len(texts[1]) >= len(texts[0])} == {}
    assert len({easy for _sentence, easy in said.values()}) == len(said)


FLAGS = ["eligible", "is_provisional", "has_places", "is_paused", "stands_still", "has_ended",
         "has_left", "is_called", "at_door"]  # fmt: skip


def every_line():
    """Each combination of what a line may be, sensible or not."""
    windows = [
        {"opens_at": NOW + shift, "closes_at": NOW + HOUR * 9, "joinable_from": joins}
        for shift, joins in [(HOUR, NOW - HOUR), (2 * HOUR, NOW + HOUR), (-HOUR, None)]
    ]
    tickets = [
        {"ticket": ""},
        {"ticket": "b0d9f3c0-0000-4000-8000-000000000000"},
        {"ticket": "b0d9f3c0-0000-4000-8000-000000000000", "inside_until": NOW + HOUR},
    ]
    for window, ticket, *flags in product(windows, tickets, *([False, True] for _ in FLAGS)):
        yield replace(LINE, **window, **ticket, **dict(zip(FLAGS, flags, strict=True)))


def test_no_button_is_shown_that_would_be_refused():
    for line in every_line():
        for person in [{}, *PEOPLE.values()]:
            stands = standing_of(PersonFacts(NOW, [line], **person))
            for action in stands.actions:
                if action.address.endswith("/join/"):
                    assert stands.state in {*MAY_BE_JOINED, State.REVIEW}
                    assert not line.has_ended
                    assert line.eligible
                if action.address.endswith("/enter/"):
                    assert line.is_called
                    assert not line.has_ended
                if action.address.endswith("/more-time/"):
                    assert stands.state == State.INSIDE
            assert len([action for action in stands.actions if action.kind == "primary"]) <= 1


def test_a_line_looks_alike_to_everybody_and_to_the_person_who_may_join_it():
    for line in every_line():
        mine = state_of_line(replace(line, ticket="", eligible=True, is_provisional=False,
                                     has_left=False, inside_until=None), NOW)  # fmt: skip
        shown = public_state(line, NOW)

        alike = {State.PAUSED: State.MAY_JOIN, State.STILL: State.MAY_JOIN}
        assert mine == alike.get(shown, shown)


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_texts_are_whole_and_no_two_states_look_alike(language):
    with translation.override(language):
        shown = [
            standing_of(None),
            *(standing_of(PersonFacts(NOW, [line])) for line in LINES.values()),
            *(standing_of(PersonFacts(NOW, [], **facts)) for facts in PEOPLE.values()),
        ]
        texts = [
            [one.badge, one.heading, one.sentence, one.away, one.deadline_label,
             *(action.label for action in one.actions)]
            for one in shown
        ]  # fmt: skip

    assert {one.state for one in shown} == set(State)
    for column in (0, 1):
        words = [row[column] for row in texts]
        assert len(set(words)) == len(words)
    for row in texts:
        assert "%" not in "".join(row)
        hangul = [any("가" <= letter <= "힣" for letter in text) for text in row if text]
        assert set(hangul) == {language == "ko"} or row[2].endswith("Clinic")
