"""Normal forms of names, birth dates and mobile phones, which people type in many spellings.

Pure functions. They raise ValueError for invalid text, and Unclear where only the century is
missing.
"""

import re
import unicodedata
from datetime import date

import phonenumbers

OLDEST = 125  # years; the longest documented life was 122
_SYLLABLES = re.compile(r"[가-힣]+")
LONGEST_NAME = 60
_NAME_SIGNS = " -'·"
# Substitutes that keyboards and word processors make for hyphen, apostrophe and middle dot.
_SAME_SIGN = str.maketrans(
    dict.fromkeys("‐‑–", "-") | dict.fromkeys("’‘ʼ`", "'") | dict.fromkeys("・‧･•ㆍ", "·")
)
# Invisible characters of the categories letter and mark: fillers, joiners, variation selectors.
_UNSEEN = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0" + "".join(map(chr, range(0xFE00, 0xFE10)))
# Resident registration number: birth date, then a digit for century and sex, then six more.
_RRN = re.compile(r"(\d{6})[-\s]?[1-8]\d{6}")
_SPLIT_DATE = re.compile(r"(\d{4}|\d{2})\D+(\d{1,2})\D+(\d{1,2})\D*")
_MOBILE = re.compile(r"1[016789]\d{7,8}")
# Area codes of the landlines, and 70 of telephones over the internet. Other numbers may cost money.
_LANDLINE = re.compile(r"(?:2|3[1-3]|4[1-4]|5[1-5]|6[1-4])[2-9]\d{6,7}|70[2-9]\d{7}")


class Unclear(ValueError):
    """A two-digit year that fits two centuries; the argument is the two digits."""


def plain(text: str) -> str:
    """NFKC: full-width letters and digits, as Korean keyboards make them, become ASCII."""
    return unicodedata.normalize("NFKC", text).strip()


def shown_name(text: str) -> str:
    """A name as typed, composed (NFC), with single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def person_name(text: str) -> str:
    """A name, composed and with single spaces; ValueError if it is none.

    Allowed are letters of any script, and between them spaces, hyphens, apostrophes and middle
    dots: a name appears in pages, messages and files, and must not read as a link or a number.
    """
    name = shown_name(text.translate(_SAME_SIGN))
    # Shortcut for nearly all names; a roster has millions.
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
    """Letters and combining marks, which Thai and Hindi need; no invisible characters."""
    return unicodedata.category(sign)[0] in "LM" and sign not in _UNSEEN


def name_key(text: str) -> str:
    """A key that all spellings of a name share: without case, spaces, accents and punctuation."""
    if _SYLLABLES.fullmatch(text):  # nearly all names, and already the key
        return text
    bare = "".join(
        mark for mark in unicodedata.normalize("NFKD", text) if not unicodedata.combining(mark)
    )
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", bare).casefold()))


def names_agree(name: str, other: str) -> bool:
    """Whether two names may be one person's: parts in any order, middle names optional."""
    if name_key(name) == name_key(other):
        return True
    first, second = _parts(name), _parts(other)
    if sorted(first) == sorted(second):
        return True
    shorter, longer = sorted([first, second], key=len)
    # Middle names may be missing in one of them, the first and the last part may not.
    return (
        (
            len(shorter) >= 2
            and set(shorter) <= set(longer)
            and {shorter[0], shorter[-1]} == {longer[0], longer[-1]}
        )
        or _is_rotation(first, second)
        or _is_rotation(second, first)
    )


def _parts(name: str) -> list[str]:
    return [key for part in re.split(r"[\s,·]+", plain(name)) if (key := name_key(part))]


def _is_rotation(first: list[str], second: list[str]) -> bool:
    """Whether the parts of `first`, rotated, spell `second`: Kim Min Jun and Minjun Kim."""
    joined = "".join(second)
    return any("".join(first[cut:] + first[:cut]) == joined for cut in range(1, len(first)))


def resident_number_typed(text: str) -> str | None:
    """The six birth digits of a typed resident registration number, else None. Callers must drop
    the rest of the number at once."""
    match = _RRN.fullmatch(plain(text))
    return match[1] if match else None


def birth_date(text: str, *, today: date, century: str = "") -> date:
    """Parse 1969-05-12, 19690512, 690512, 1969.5.12 or 1969년 5월 12일.

    `century` is "", "19" or "20" and settles a two-digit year. Raises ValueError, or Unclear where
    the century is needed.
    """
    text = plain(text)
    match = _SPLIT_DATE.fullmatch(text)
    year, month, day = match.groups() if match else _cut(re.sub(r"\s", "", text))
    if len(year) == 2:
        year = _century_of(year, today, century) + year
    value = date(int(year), int(month), int(day))
    if value > today or value.year < today.year - OLDEST:
        raise ValueError("not a living person's birth date")
    return value


def birth_dates(text: str, *, today: date) -> tuple[date, ...]:
    """What a text may mean: two dates where its century is open, none if it is no birth date."""
    dates = []
    for century in ("19", "20"):
        try:
            dates.append(birth_date(text, today=today, century=century))
        except ValueError:
            continue
    return tuple(dict.fromkeys(dates))


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
    """A Korean mobile number in E.164; ValueError for any other number."""
    digits = _digits_of(text)
    if not _MOBILE.fullmatch(digits):
        raise ValueError("not a mobile number")
    if digits.startswith("10") and len(digits) != 10:
        raise ValueError("010 numbers have eight more digits")
    return f"+82{digits}"


def any_phone(text: str) -> str:
    """A Korean mobile number or landline in E.164; ValueError for any other number."""
    digits = _digits_of(text)
    return f"+82{digits}" if _LANDLINE.fullmatch(digits) else mobile_phone(text)


def _digits_of(text: str) -> str:
    """The national number without its leading zero; ValueError if it is no Korean number."""
    # The library cuts a number off where letters begin: of the numbers of reservations, one in
    # eighty would be a phone.
    if re.search(r"[0-9].*[A-Za-z]", text):
        raise ValueError("not a phone number")
    try:
        # 0082: the country code as dialled from abroad.
        number = phonenumbers.parse(re.sub(r"^00\s*82", "+82", plain(text)), "KR")
    except phonenumbers.NumberParseException as error:
        raise ValueError("not a phone number") from error
    if number.country_code != 82 or number.extension:
        raise ValueError("not a Korean number")
    if not phonenumbers.is_possible_number(number):
        raise ValueError("not a phone number")
    return str(number.national_number)


def shown_phone(e164: str) -> str:
    """E.164 as 010-1234-5678 or 02-2123-4567, the usual spelling in Korea; "–" for no phone."""
    if e164.startswith("+8210"):  # nearly all; files have millions of them
        return f"010-{e164[5:-4]}-{e164[-4:]}"
    return "-".join(_parts_of_phone(e164)) if e164 else "–"


def masked_phone(e164: str) -> str:
    """E.164 as 010-****-5678: the owner recognises it, nobody else can call it."""
    if not e164:
        return "–"
    code, middle, last = _parts_of_phone(e164)
    return f"{code}-{'*' * len(middle)}-{last}"


def _parts_of_phone(e164: str) -> tuple[str, str, str]:
    digits = "0" + e164.removeprefix("+82")
    code = 2 if digits.startswith("02") else 3
    return digits[:code], digits[code:-4], digits[-4:]
