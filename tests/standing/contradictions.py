"""What a page says of a person, against the one row of the table that their state has."""

from django.utils import translation
from selectolax.lexbor import LexborHTMLParser

from standing.states import MAY_BE_JOINED, State
from standing.texts import TABLE

MAY_JOIN = {*MAY_BE_JOINED, State.REVIEW}
# At the door the script sends the form by itself; without it there is a button.
MAY_ENTER = {State.CALLED, State.DOOR, State.ON_LIST, State.CANCELLED}


def as_seen(html: str, *, script: bool) -> LexborHTMLParser:
    """The page as a reader meets it, with or without script."""
    tree = LexborHTMLParser(html)
    for node in tree.css("[hidden]" + (", noscript" if script else ", script")):
        node.decompose()
    return tree


def contradictions(
    page: LexborHTMLParser, state: State, language: str, *, names: bool
) -> list[str]:
    """Each contradiction in words; `names` where the page has to name the state."""
    with translation.override(language):
        rows = {other: Said(other) for other in State}
    said, main = rows[state], page.css_first("[data-standing]")
    named = {
        node.attributes.get("data-standing") or node.attributes.get("data-stands")
        for node in page.css("[data-standing], [data-stands]")
    }
    # A pause stands above the place in the line, which keeps its own heading.
    neutral = {State.WAITING, State.GATHERED} if state in (State.PAUSED, State.STILL) else set()
    headings = {words(node) for node in page.css("h1, h2")}
    badges = {words(node) for node in page.css(".jari-badge")}
    others = [row for other, row in rows.items() if other not in {state, *neutral}]
    faults = [f"shows {other}" for other in named - {state}]
    if names and not named and state != State.UNKNOWN:
        faults.append("names no state")
    faults += [f"heading: {row.heading}" for row in others if row.heading in headings]
    if state != State.CALLED:
        turn = rows[State.CALLED]
        faults += ["badge of a turn"] * (turn.badge in badges)
        faults += ["sentence of a turn"] * (turn.sentence in words(page.css_first("main")))
    if main:
        faults += _of_the_card(main, said)
    if page.css('form[action$="/join/"]') and state not in MAY_JOIN:
        faults.append("offers to join")
    if page.css('form[action$="/enter/"]') and state not in MAY_ENTER:
        faults.append("offers to enter")
    return faults


class Said:
    """A row of the table in the language that is active."""

    def __init__(self, state: State) -> None:
        row = TABLE[state]
        self.heading, self.badge, self.sentence = map(str, (row.heading, row.badge, row.sentence))
        self.actions = [str(button.label) for button in (row.action, row.otherwise) if button]


def main_actions(card) -> list[str]:
    return [words(node) for node in card.css(".jari-actions .jari-button.primary")]


def _of_the_card(card, said: Said) -> list[str]:
    buttons = main_actions(card)
    shown = {
        "heading": (words(card.css_first("h1, h2")), [said.heading]),
        "badge": (words(card.css_first(".jari-badge")), [said.badge]),
        "action": (buttons[0] if buttons else "none", [*said.actions, "none"]),
    }
    faults = [f"{part}: {text}" for part, (text, lawful) in shown.items() if text not in lawful]
    return faults + [f"second main action: {text}" for text in buttons[1:]]


def words(node) -> str:
    return " ".join(node.text().split())
