"""One spelling for what people type in many: names, birth dates and mobile phones.

Pure functions; ValueError (Unclear where only the century is missing) for what has no meaning.
"""

import re
import unicodedata
from datetime import date

import phonenumbers

OLDEST = 125  # years; nobody has lived longer
_SYLLABLES = re.compile(r"[가-힣]+")
LONGEST_NAME = 60
_NAME_SIGNS = " -'·"
# What keyboards and word processors put in place of hyphen, apostrophe and middle dot.
_SAME_SIGN = str.maketrans(
    dict.fromkeys("‐‑–", "-") | dict.fromkeys("’‘ʼ`", "'") | dict.fromkeys("・‧･•ㆍ", "·")
)
# Fillers and joiners that count as letters or marks, and are not seen.
_UNSEEN = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0" + "".join(map(chr, range(0xFE00, 0xFE10)))
_RRN = re.compile(r"(\d{6})[-\s]?[1-8]\d{6}")
_SPLIT_DATE = re.compile(r"(\d{4}|\d{2})\D+(\d{1,2})\D+(\d{1,2})\D*")
_MOBILE = re.compile(r"1[016789]\d{7,8}")


class Unclear(ValueError):
    """Two digits of a year that fit two centuries."""


def plain(text: str) -> str:
    """Full-width letters and digits, as Korean keyboards make them, become plain ones."""
    return unicodedata.normalize("NFKC", text).strip()


def shown_name(text: str) -> str:
    """A name as typed, only composed (NFC) and without needless spaces."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def person_name(text: str) -> str:
    """A name as typed, composed and without needless spaces; ValueError for what is no name.

    Letters of any script, and between them spaces, hyphens, apostrophes and middle dots: a name
    stands in pages, messages and files, and must never read as an address or a number there.
    """
    name = shown_name(text.translate(_SAME_SIGN))
    if _SYLLABLES.fullmatch(name) and len(name) <= LONGEST_NAME:
        return name
    if (
        len(name) > LONGEST_NAME
        or not name_key(name)
        or unicodedata.category(name[0])[0] != "L"
        or not all(sign in _NAME_SIGNS or _is_letter(sign) for sign in name)
    ):
        raise ValueError("not a name")
    return name


def _is_letter(sign: str) -> bool:
    """Letters and the marks above and below them, as Thai and Hindi need; nothing unseen."""
    return unicodedata.category(sign)[0] in "LM" and sign not in _UNSEEN


def name_key(text: str) -> str:
    """What two spellings of one name share: no case, spaces, accents or punctuation."""
    if _SYLLABLES.fullmatch(text):  # nearly all names: nothing to do
        return text
    bare = "".join(
        mark for mark in unicodedata.normalize("NFKD", text) if not unicodedata.combining(mark)
    )
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", bare).casefold()))


def names_agree(one: str, other: str) -> bool:
    """Whether two names may be one person's: any order of their parts, middle names left out."""
    if name_key(one) == name_key(other):
        return True
    first, second = _parts(one), _parts(other)
    if sorted(first) == sorted(second):
        return True
    shorter, longer = sorted([first, second], key=len)
    # A middle name is left out: both outer names stay, in either order.
    return (
        (
            len(shorter) >= 2
            and set(shorter) <= set(longer)
            and {shorter[0], shorter[-1]} == {longer[0], longer[-1]}
        )
        or _turned(first, second)
        or _turned(second, first)
    )


def _parts(name: str) -> list[str]:
    return [key for part in re.split(r"[\s,·]+", plain(name)) if (key := name_key(part))]


def _turned(first: list[str], second: list[str]) -> bool:
    """Kim Min Jun, Minjun Kim: the parts of one, turned round, spell the other."""
    whole = "".join(second)
    return any("".join(first[cut:] + first[:cut]) == whole for cut in range(1, len(first)))


def resident_number_typed(text: str) -> str | None:
    """The six birth digits if somebody typed a resident registration number; it is not kept."""
    match = _RRN.fullmatch(plain(text))
    return match[1] if match else None


def birth_date(text: str, *, today: date, century: str = "") -> date:
    """1969-05-12, 19690512, 690512, 1969.5.12, 1969년 5월 12일; `century` is "", "19" or "20"."""
    text = plain(text)
    match = _SPLIT_DATE.fullmatch(text)
    year, month, day = match.groups() if match else _cut(re.sub(r"\s", "", text))
    if len(year) == 2:
        year = _century_of(year, today, century) + year
    value = date(int(year), int(month), int(day))
    if value > today or value.year < today.year - OLDEST:
        raise ValueError("not a living person's birth date")
    return value


def _cut(digits: str) -> tuple[str, str, str]:
    if not digits.isdecimal() or len(digits) not in (6, 8):
        raise ValueError("not a date")
    return digits[:-4], digits[-4:-2], digits[-2:]


def _century_of(year: str, today: date, chosen: str) -> str:
    if int(year) > today.year % 100:
        return "19"
    if chosen not in ("19", "20"):
        raise Unclear(year)
    return chosen


def mobile_phone(text: str) -> str:
    """A Korean mobile number as E.164; ValueError for any other."""
    try:
        # 0082 is how the country code is written from abroad.
        number = phonenumbers.parse(re.sub(r"^00\s*82", "+82", plain(text)), "KR")
    except phonenumbers.NumberParseException as error:
        raise ValueError("not a phone number") from error
    if number.country_code != 82 or number.extension:
        raise ValueError("not a Korean number")
    digits = str(number.national_number)
    if not _MOBILE.fullmatch(digits) or not phonenumbers.is_possible_number(number):
        raise ValueError("not a mobile number")
    if digits.startswith("10") and len(digits) != 10:
        raise ValueError("010 numbers have eight more digits")
    return f"+82{digits}"


def shown_phone(e164: str) -> str:
    """010-1234-5678, as people in Korea write it."""
    digits = "0" + e164.removeprefix("+82")
    return f"{digits[:3]}-{digits[3:-4]}-{digits[-4:]}"


def masked_phone(e164: str) -> str:
    """010-****-5678: enough to recognise one's own number."""
    digits = "0" + e164.removeprefix("+82")
    return f"{digits[:3]}-{'*' * len(digits[3:-4])}-{digits[-4:]}"
