"""The whole path as a screen reader speaks it, kept equal in both languages.

Spoken by Guidepup's virtual screen reader (tests/browser/engines/NOTICE.md).
JARI_WRITE_TRANSCRIPT=1 writes tests/browser/transcripts/ anew; what changed is to be read as a
person hears it.
"""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page

from standing.states import State
from tests.browser.engines import source
from tests.eligibility.signing_in import sign_in_context
from tests.standing.scenes import SCENES, Scene

FOLDER = Path(__file__).parent / "transcripts"
EXPORT = re.compile(r"export\{([\w$]+) as Virtual,([\w$]+) as virtual\}")
SPEAK = """async () => {
    await virtual.start({ container: document.body });
    while ((await virtual.lastSpokenPhrase()) !== "end of document") await virtual.next();
    const phrases = await virtual.spokenPhraseLog();
    await virtual.stop();
    return phrases;
}"""
# What differs from run to run: codes of letters and digits, months and weekdays, numbers.
CODE = re.compile(r"[A-Z0-9]{4}-[A-Z0-9]{4}-[A-Z0-9]{2,4}(?![A-Z0-9])|[0-9a-f]{64}")
DAY = re.compile(
    r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*\b|(?<=\()[월화수목금토일](?=\))|"
    r"\b(January|February|March|April|May|June|July|August|September|October|November|December|"
    r"Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b"
)


def spoken(page: Page) -> list[str]:
    script = source("virtual-screen-reader.js")
    export = EXPORT.search(script)
    page.evaluate(f"(() => {{ {script[: export.start()]}; window.virtual = {export[2]}; }})()")
    return [steady(phrase) for phrase in page.evaluate(SPEAK)]


def steady(phrase: str) -> str:
    return re.sub(r"\d[\d,]*", "0", DAY.sub("DAY", CODE.sub("CODE", phrase)))


def path() -> list[tuple[str, Scene | None, str]]:
    """Step by step: heading in the transcript, whose page, its address."""
    scenes = {
        state: SCENES[state]()
        for state in (State.MAY_JOIN, State.WAITING, State.CALLED, State.INSIDE, State.HELD)
    }
    booked = SCENES[State.BOOKED]()
    number = booked.person.reservations.get().number
    return [
        ("Identity", None, "/identity/"),
        ("Eligibility", scenes[State.MAY_JOIN], "/mine/"),
        ("Waiting", scenes[State.WAITING], f"/queue/t/{scenes[State.WAITING].ticket.pk}/"),
        ("Called", scenes[State.CALLED], f"/queue/t/{scenes[State.CALLED].ticket.pk}/"),
        ("Finder", scenes[State.INSIDE], "/booking/"),
        ("Confirm", scenes[State.HELD], "/booking/confirm/"),
        ("Receipt", booked, f"/reservations/{number}/"),
    ]


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_path_is_spoken_as_it_was(new_screen, clock, language):
    clock.at("09:00")  # the calendar has as many weeks on any day
    page = new_screen(language, 360)
    lines = []

    for step, scene, address in path():
        if scene:
            sign_in_context(page.context, page.at, scene.person.pk)
        page.goto(page.at + address)
        lines += [f"# {step}", *spoken(page), ""]

    file = FOLDER / f"{language}.txt"
    if os.environ.get("JARI_WRITE_TRANSCRIPT"):
        file.write_text("\n".join(lines), encoding="utf-8")
    assert lines == file.read_text(encoding="utf-8").split("\n")
