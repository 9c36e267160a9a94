"""Reads what was scanned or typed into the one box of the day."""

import re
from dataclasses import dataclass
from datetime import date

from booking.models.reservations import NUMBER_LETTERS
from eligibility import spelling
from web.codes import UnreadableCode, WrongLength, read

_ENDING = re.compile(r"(?<!\d)\d{4}(?!\d)")
# A birth date among other words: with separators, or six or eight digits in a row.
_DATE = re.compile(
    r"(?<!\d)(?:\d{4}|\d{2})\s*[-./년]\s*\d{1,2}\s*[-./월]\s*\d{1,2}(?!\d)\s*[.일]?"
    r"|(?<!\d)(?:\d{8}|\d{6})(?!\d)"
)
# How mobile numbers begin; other ten digits may be a reservation number.
_PHONE_START = re.compile(r"\s*(?:0\s*1|\+\s*82|00\s*82|82\s*-?\s*10)")

# The Latin letters on the keys of a Korean keyboard: a scanner that types while the keyboard is in
# Hangul mode enters 너ㅎ for JHG. Shifted keys give the doubled letters.
_KEYS = dict(
    zip(
        "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎㅏㅐㅑㅒㅓㅔㅕㅖㅗㅛㅜㅠㅡㅣ",
        "rRseEfaqQtTdwWczxvgkoiOjpuPhynbml",
        strict=True,
    )
)
# Letters of two keys.
_PAIRS = {
    letter: first + second
    for letter, first, second in zip(
        "ㅘㅙㅚㅝㅞㅟㅢㄳㄵㄶㄺㄻㄼㄽㄾㄿㅀㅄ",
        "ㅗㅗㅗㅜㅜㅜㅡㄱㄴㄴㄹㄹㄹㄹㄹㄹㄹㅂ",
        "ㅏㅐㅣㅓㅔㅣㅣㅅㅈㅎㄱㅁㅂㅅㅌㅍㅎㅅ",
        strict=True,
    )
}
# The letters of syllables in the order of Unicode: initial, vowel, and final or none.
_INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_FINALS = ["", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"]
_FIRST_SYLLABLE, _LAST_SYLLABLE = ord("가"), ord("힣")


@dataclass(frozen=True)
class Term:
    """What the text may mean; empty fields were not given.

    `misread` is a text with the length of a reservation number that is none.
    """

    number: str = ""
    misread: bool = False
    phone: str = ""
    ending: str = ""
    name: str = ""
    born: tuple[date, ...] = ()

    @property
    def is_empty(self) -> bool:
        return self == Term()


def read_term(text: str, *, today: date) -> Term:
    """A number, phone, its last four digits, or name and birth date in any order."""
    # Before NFKC, which would join single letters of Hangul.
    number, misread = _number_in(text)
    text = spelling.plain(text)
    if _PHONE_START.match(text):
        try:
            return Term(phone=spelling.mobile_phone(text))
        except ValueError:
            pass
    if number:
        # Few names read as numbers; one that does is searched for if there is no such number.
        return Term(number=number, name=text if text.isalpha() else "")
    words, born = _without_date(text, today)
    ending = _ENDING.search(words)
    words = _ENDING.sub(" ", words, count=1)
    is_name = any(map(str.isalpha, words)) and not any(map(str.isdigit, words))
    name = " ".join(words.replace(",", " ").split()) if is_name else ""
    if misread and not born and not text.isalpha():
        return Term(misread=True)
    if ending and not (name or born) and words.strip():
        return Term()  # digits that are left over: no phone, no date, no number
    return Term(ending=ending.group() if ending else "", name=name, born=born)


def _number_in(text: str) -> tuple[str, bool]:
    """(reservation number or "", whether the text only looks like one)."""
    try:
        return read(_latin_keys(text), NUMBER_LETTERS), False
    except WrongLength:
        return "", False
    except UnreadableCode:
        # Hangul never occurs in a number: ten syllables are names.
        return "", text.isascii() and any(map(str.isdigit, text))


def _latin_keys(text: str) -> str:
    """Hangul as the Latin letters of its keys; other signs as they are."""
    letters = "".join(map(_letters_of, text))
    keys = "".join(_PAIRS.get(letter, letter) for letter in letters)
    return "".join(_KEYS.get(letter, letter) for letter in keys)


def _letters_of(sign: str) -> str:
    """A syllable as its two or three letters; any other sign as it is."""
    if not _FIRST_SYLLABLE <= ord(sign) <= _LAST_SYLLABLE:
        return sign
    syllable, final = divmod(ord(sign) - _FIRST_SYLLABLE, len(_FINALS))
    initial, vowel = divmod(syllable, len(_VOWELS))
    letters: str = _INITIALS[initial] + _VOWELS[vowel] + _FINALS[final]
    return letters


def _without_date(text: str, today: date) -> tuple[str, tuple[date, ...]]:
    """The text without its birth date, and the date; two if its century is open."""
    match = _DATE.search(text)
    if match is None:
        return text, ()
    born = spelling.birth_dates(match.group(), today=today)
    if not born:
        return text, ()
    return f"{text[: match.start()]} {text[match.end() :]}", born
