"""A standing as components/standing.html shows it, for pages kept in parts (web.moulds)."""

from dataclasses import dataclass, replace

from standing.shown import Action, Standing
from standing.states import State
from web.marking import marked, unbroken
from web.moulds import Html, Text


@dataclass(frozen=True)
class StandingParts:
    """By the names of Standing, which the component takes too."""

    state: State
    heading: str
    badge: str
    tone: str
    line_name: Html
    sentence: Html
    until: Html
    deadline_label: str
    seconds_left: Text
    actions: list[Action]
    calendar: Text
    away: str
    here: Text
    easy: bool


def parts_of(standing: Standing) -> StandingParts:
    """What a person's own is in it is a text that differs by reader, all else is the state's."""
    seconds_left = standing.seconds_left
    return StandingParts(
        state=standing.state,
        heading=standing.heading,
        badge=standing.badge,
        tone=standing.tone,
        line_name=Html(unbroken(standing.line_name)),
        sentence=Html(unbroken(marked(standing.sentence))),
        until=Html(standing.until),
        deadline_label=standing.deadline_label,
        seconds_left=Text(seconds_left or ""),
        actions=[_in_texts(action) for action in standing.actions],
        calendar=Text(standing.calendar),
        away=standing.away,
        here=Text(standing.here),
        easy=standing.easy,
    )


def _in_texts(action: Action) -> Action:
    fields = tuple((name, Text(value)) for name, value in action.fields)
    return replace(action, address=Text(action.address), fields=fields)
