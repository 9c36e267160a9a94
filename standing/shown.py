"""A standing as the component shows it: the table's texts with this person's names and times."""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from standing.facts import LineFacts, PersonFacts
from standing.states import State
from standing.texts import TABLE, Button, Texts
from web.templatetags.times import when
from web.times import moment


@dataclass(frozen=True)
class Action:
    """A button of the component: a link, or a form that posts."""

    label: str
    address: str
    posts: bool
    kind: str = "primary"
    fields: tuple[tuple[str, str], ...] = ()  # hidden fields of the form


@dataclass(frozen=True)
class Standing:
    """Where a person stands, with everything its component needs."""

    state: State
    facts: PersonFacts | None = None
    line: LineFacts | None = None
    # The address of the page that shows it, to which no button leads.
    here: str = ""
    # The reader chose easy words.
    easy: bool = False
    # What was pressed before the person had to enter, to go on with it afterwards.
    carried: tuple[tuple[str, str], ...] = ()

    @property
    def texts(self) -> Texts:
        return TABLE[self.state]

    @property
    def badge(self) -> str:
        return str(self.texts.badge)

    @property
    def tone(self) -> str:
        return self.texts.tone

    @property
    def heading(self) -> str:
        return str(self.texts.heading)

    @property
    def sentence(self) -> str:
        """What it means, in one sentence."""
        text: Promise | str = self.texts.easy if self.easy else self.texts.sentence
        # A cohort without a line has no date to name.
        if self.state == State.NOT_YET and self.joins_at is None:
            text = self.texts.without_date
        return str(text) % self._values

    @property
    def away(self) -> str:
        """What happens when the person goes away."""
        return str(self.texts.away)

    @property
    def line_name(self) -> str:
        return self.line.name if self.line and self.state not in (State.HELD, State.OFFER) else ""

    @property
    def joins_at(self) -> datetime | None:
        """From when on the person can take a place in the line."""
        line = self.line
        if line is None or line.joinable_from is None:
            return None
        own = line.window_from or line.opens_at
        return own if own > line.opens_at else line.joinable_from

    @property
    def deadline(self) -> datetime | None:
        """Until when the main action is possible; None where no time limits it."""
        facts, line = self.facts, self.line
        if facts is None:
            return None
        ends: dict[State, datetime | None] = {
            State.HELD: facts.held_until,
            State.OFFER: facts.offer_until,
            State.INSIDE: self._inside_until,
            State.BOOKED: facts.booked.changes_until if facts.booked else None,
        }
        if line is not None:
            ends |= dict.fromkeys(
                (State.CALLED, State.MAY_JOIN, State.MAY_GATHER, State.LEFT), line.closes_at
            )
            ends[State.NOT_YET] = self.joins_at
        return ends.get(self.state)

    @property
    def until(self) -> str:
        """The deadline as pages show it; "" without one."""
        return when(self.deadline, "short")

    @property
    def seconds_left(self) -> int | None:
        """Until the line can be joined, for the state that waits for it."""
        if self.state != State.NOT_YET or self.joins_at is None or self.facts is None:
            return None
        return max(0, int((self.joins_at - self.facts.now).total_seconds()))

    @property
    def deadline_label(self) -> str:
        return str(self.texts.deadline)

    @property
    def calendar(self) -> str:
        """The address of a calendar entry for the opening; "" once the line moves."""
        line = self.line
        to_come = self.state in (State.NOT_YET, State.MAY_GATHER, State.GATHERED)
        if not to_come or line is None or line.joinable_from is None:
            return ""
        return reverse("opening_calendar", args=[line.code])

    @property
    def action(self) -> Action | None:
        return self._button(self.texts.action) or self._button(self.texts.otherwise)

    @property
    def actions(self) -> list[Action]:
        """The main action, then more time, then the second choice."""
        others = [self.more_time, self._button(self.texts.also)]
        main = [action] if (action := self.action) else []
        return main + [replace(action, kind="tertiary") for action in others if action]

    @property
    def more_time(self) -> Action | None:
        inside = self._inside
        if self.state != State.INSIDE or inside is None or not inside.may_extend:
            return None
        label = _("Fifteen more minutes")
        return Action(label, reverse("more_time", args=[inside.ticket]), posts=True)

    def _button(self, button: Button | None) -> Action | None:
        if button is None:
            return None
        argument = self._arguments[button.of] if button.of else None
        # Without its line there is nowhere to go, such as a place in a line that has ended.
        if argument == "":
            return None
        address = _address(button.view, argument)
        if address == self.here:
            return None
        carried = self.carried if button.view == "enter" else ()
        return Action(str(button.label), address, button.posts, fields=carried)

    @property
    def _inside(self) -> LineFacts | None:
        lines = self.facts.lines if self.facts else []
        return next((line for line in lines if line.inside_until), None)

    @property
    def _inside_until(self) -> datetime | None:
        return self._inside.inside_until if self._inside else None

    @property
    def _arguments(self) -> dict[str, str]:
        """By the name of what an address is about; "" where the person has none."""
        facts, line = self.facts, self.line
        booked = (facts.booked or facts.cancelled) if facts else None
        open_line = line if line and not line.has_ended else None
        return {
            "code": line.code if line else "",
            "joinable": line.code if line and not line.ticket else "",
            "ticket": line.ticket if line else "",
            "called": open_line.ticket if open_line and open_line.is_called else "",
            "number": booked.number if booked else facts.done_number if facts else "",
            "token": facts.offer if facts else "",
        }

    @property
    def _values(self) -> dict[str, str]:
        facts, line = self.facts, self.line
        appointment = (facts.booked or facts.cancelled) if facts else None
        return {
            "joins": _moment(self.joins_at),
            "opens": _moment(line.opens_at if line else None),
            "when": _moment(appointment.starts_at if appointment else None),
            "clinic": appointment.clinic if appointment else "",
        }


# Kept: finding the buttons' addresses was a twentieth of a page that shows some.
@lru_cache(maxsize=4096)
def _address(view: str, argument: str | None) -> str:
    return reverse(view, args=[argument] if argument else [])


def _moment(at: datetime | None) -> str:
    return moment(at) if at else ""
