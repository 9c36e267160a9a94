"""What the citizens' pages do without, read in their templates, sheets and scripts.

Items of docs/accessibility.md that ask for something not to be there: film, motion, shortcuts,
gestures. A page would show their absence for one state only; the sources have all of them.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
STATIC = ROOT / "static/jari"
SHEETS = ["jari.css", "more.css", "acting.css", "booking.css"]
STAFF = {"admin", "rehearsal"}
# What changes under the pointer or the focus: colours, lines and rings, never what is shown.
PAINT = {
    *("background", "border-color", "box-shadow", "color", "outline", "outline-offset", "stroke"),
    *("stroke-width", "text-decoration", "text-decoration-thickness"),
}


def templates() -> dict[str, str]:
    found = [
        path
        for path in (ROOT / "templates").rglob("*.html")
        if path.relative_to(ROOT / "templates").parts[0] not in STAFF
    ]
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in found}


def scripts() -> dict[str, str]:
    """The scripts that these templates name, and what those import."""
    wanted = {
        name
        for text in templates().values()
        for name in re.findall(r"static 'jari/([\w-]+\.js)'", text)
    }
    found: dict[str, str] = {}
    while wanted:
        name = wanted.pop()
        found[name] = (STATIC / name).read_text(encoding="utf-8")
        wanted |= set(re.findall(r"[\"']\./([\w-]+\.js)[\"']", found[name])) - found.keys()
    return found


def sheets() -> dict[str, str]:
    return {name: (STATIC / name).read_text(encoding="utf-8") for name in SHEETS}


def where(sources: dict[str, str], pattern: str) -> list[tuple[str, str]]:
    return [
        (name, match[0])
        for name, text in sources.items()
        for match in re.finditer(pattern, text, re.IGNORECASE)
    ]


def test_the_sources_are_found():
    assert len(templates()) > 60
    assert {"waiting.js", "turn-notification.js", "booking-hold.js"} <= scripts().keys()
    assert {"day.js", "control.js"}.isdisjoint(scripts())


def test_there_is_neither_film_nor_speech_nor_a_page_in_a_page():
    media = r"<(video|audio|track|object|embed|iframe|marquee|blink|canvas)\b"

    assert where(templates(), media) == []
    assert (
        where(scripts(), r"createElement\(\W(video|audio|iframe)|new Audio\(|speechSynthesis") == []
    )


def test_the_sound_is_made_ready_by_a_press_alone():
    [(name, _made)] = where(scripts(), r"new AudioContext\(")
    text = scripts()[name]
    press = text.index('find("sound").addEventListener("click"')

    assert press < text.index("new AudioContext(") < text.index("\n  });", press)


def test_nothing_moves_or_flashes():
    moves = r"@keyframes|\banimation(-name)?:(?!none)|\btransition:(?!none)|requestAnimationFrame"

    assert where(sheets() | scripts() | templates(), moves) == []


def test_no_key_is_a_shortcut():
    assert where(templates(), r"accesskey") == []
    assert where(scripts(), r"key(down|up|press)") == []


def test_nothing_is_done_by_a_gesture_by_pressing_down_or_by_moving_the_device():
    acts = r"\b(touch|pointer|mouse)(start|move|down|end|up|enter|over)\b|\bdrag\w*\b|\bwheel\b"
    moved = r"device(motion|orientation)|orientation\.lock|\(orientation:"

    assert where(scripts(), acts) == []
    assert where(templates(), r"draggable|\bon[a-z]+=[\"']") == []
    assert where(scripts() | sheets() | templates(), moved) == []


def rules_under_the_pointer() -> Iterator[tuple[str, set[str]]]:
    for text in sheets().values():
        for selector, body in re.findall(r"([^{}]*:(?:hover|focus)[^{}]*)\{([^}]*)\}", text):
            names = {line.partition(":")[0].strip() for line in body.split(";") if line.strip()}
            yield selector.strip(), names


def test_nothing_appears_under_the_pointer_or_with_the_focus():
    """But the link that skips to the content, which is itself what has the focus."""
    others = {
        selector: names - PAINT
        for selector, names in rules_under_the_pointer()
        if not selector.endswith(".jari-skip:focus")
    }

    assert len(others) > 8
    assert set().union(*others.values()) == set()
    assert where(templates(), r"\btitle=[\"']") == []


def test_no_text_is_a_picture():
    """The only picture of a file is the code to be scanned, which stands beside its letters."""
    pictures = [name for name, _tag in where(templates(), r"<(img|picture)\b")]

    assert pictures == ["templates/waiting_room/components/keeping.html"]
    assert where(sheets(), r"url\((?![\"']?(data:image/svg|\.\./vendor))") == []


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "ko",
            r"(왼|오른)쪽(?! (팔|허벅지))|빨간|빨강|파란|파랑|노란|초록|동그라미|네모|세모|둥근",
        ),
        ("en", r"\b(red|green|blue|yellow|gr[ae]y|round|square) (button|box|field|link|sign)"),
        ("en", r"\b(on|to) the (left|right)\b|\bleft-hand|\bright-hand"),
    ],
)
def test_nothing_is_named_by_its_place_shape_or_colour(language, words):
    """In the texts of citizens: those that stand in all languages."""
    shared = {entry.msgid for entry in polib.pofile(str(ROOT / "locale/vi/LC_MESSAGES/django.po"))}
    korean = polib.pofile(str(ROOT / "locale/ko/LC_MESSAGES/django.po"))
    texts = {
        entry.msgid: entry.msgstr if language == "ko" else entry.msgid
        for entry in korean
        if entry.msgid in shared
    }

    assert len(texts) > 900
    assert where(texts, words) == []
