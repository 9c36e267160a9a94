"""The desk's one search box: reads what was typed, and finds the people it may mean.

Names and phones are encrypted and found by blind indexes of whole values: a phone, or a name with
its birth date. A name alone or the last four digits of a phone are looked for among the
appointments of today, whose people may stand at the counter.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from booking.admin.people import people_for, reservations_for
from booking.models import Reservation
from booking.models.reservations import NUMBER_LETTERS
from booking.rules import day_bounds
from database.clock import known_today
from eligibility.indexes import name_birth_indexes, phone_indexes
from eligibility.models import Person
from eligibility.spelling import any_phone, birth_dates, name_key, names_agree, plain
from staff.models import User
from staff.scoping import rows_for, sees_everything
from waiting_room.models import Room, Ticket
from waiting_room.services.resume_codes import resume_indexes
from web.codes import UnreadableCode, read

# More would be leafing: the term has to be made longer.
MOST_FOUND = 20
# Appointments of today that are compared with a name or four digits, each by decrypting it.
MOST_COMPARED = 3000
# Rooms in which a place in the line is looked for, the newest ones.
MOST_ROOMS = 20

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_PERSON = re.compile(r"#(\d{1,18})")
_PLACE = re.compile(r"(\d[\d,]{0,9})\s*번?")
_PHONE = re.compile(r"(?<!\d)(?:\+?82[\s-]?|00\s*82[\s-]?)?0?1[016789](?:[\s.-]?\d){7,8}(?!\d)")
# The code and number of a landline, which only begins with a zero or the country's code.
_LANDLINE = re.compile(
    r"(?<![\d-])(?:\+?82[\s-]?|0)(?:2|[3-6][1-5]|70)[\s.)-]?(?:\d[\s.-]?){7,8}(?![\d-])"
)
_BIRTH = re.compile(
    r"(?<!\d)(?:\d{4}\s*[.\-/년]\s*\d{1,2}\s*[.\-/월]\s*\d{1,2}|\d{8}"
    r"|\d{2}[.\-/]\d{1,2}[.\-/]\d{1,2}|\d{6})(?!\d)(?:\s*일|생)?"
)
_FOUR = re.compile(r"(?<!\d)\d{4}(?!\d)")
# A resident registration number: only its six birth digits are used, the rest is dropped at once.
_RRN = re.compile(r"(?<!\d)(\d{6})[-\s]?[1-8]\d{6}(?!\d)")


@dataclass(frozen=True)
class Term:
    """The facts in a typed text. The whole text may also be a number of some kind."""

    text: str
    name: str = ""
    births: tuple[date, ...] = ()
    phone: str = ""  # E.164
    last_four: str = ""

    @property
    def has_identity(self) -> bool:
        """Whether name, birth date and phone are all there, as for a booking."""
        return bool(self.name and self.births and self.phone)

    @property
    def needs_more(self) -> bool:
        """Whether there is nothing that an index finds: a name or four digits alone."""
        return bool(self.name or self.last_four) and not self.births and not self.phone


def without_resident_number(text: str) -> str:
    return _RRN.sub(r"\1", plain(text))


def read_term(text: str) -> Term:
    """Name, birth date, phone and four digits in any order."""
    text = without_resident_number(text)
    if _UUID.search(text):  # the address of a ticket, whose digits are no facts
        return Term(text)
    phone, remainder = _phone_in(text)
    births, remainder = _births_in(remainder)
    four = _FOUR.search(remainder)
    if four:
        remainder = remainder[: four.start()] + " " + remainder[four.end() :]
    name = " ".join(re.sub(r"[,;/|]+", " ", remainder.removesuffix("번")).split())
    is_name = bool(name_key(name)) and not any(map(str.isdigit, name))
    return Term(
        text=text,
        name=name if is_name else "",
        births=births,
        phone=phone,
        last_four=four[0] if four else "",
    )


def _phone_in(text: str) -> tuple[str, str]:
    """(phone, the text without it); "" if there is none."""
    for match in (*_PHONE.finditer(text), *_LANDLINE.finditer(text)):
        try:
            phone = any_phone(match[0])
        except ValueError:
            continue
        return phone, text[: match.start()] + " " + text[match.end() :]
    return "", text


def _births_in(text: str) -> tuple[tuple[date, ...], str]:
    """(birth dates, the text without them); two where a two-digit year fits two centuries."""
    today = known_today()
    for match in _BIRTH.finditer(text):
        births = birth_dates(match[0].rstrip("일생 "), today=today)
        if births:
            return births, text[: match.start()] + " " + text[match.end() :]
    return (), text


@dataclass(frozen=True)
class Found:
    """People found, and whether a name or four digits could not be compared with everybody."""

    people: list[Person]
    too_many: bool = False
    needs_more: bool = False


def find_people(user: User, text: str) -> Found:
    """The people whom this user may see and the text may mean."""
    term = read_term(text)
    people = list(_visible(user, _by_index(term), term).order_by("pk")[: MOST_FOUND + 1])
    near: list[Person] = []
    crowded = False
    if term.needs_more:
        near, crowded = _near(user, term)
    both = list({person.pk: person for person in [*people, *near]}.values())
    return Found(
        both[:MOST_FOUND],
        too_many=len(both) > MOST_FOUND,
        needs_more=crowded or (term.needs_more and not both),
    )


def _by_index(term: Term) -> Q:
    """The people whom an index finds, as a condition; few, before any limit of the user."""
    condition = Q(pk__in=_by_number(term.text))
    births = term.births if term.name else ()
    names = [index for born in births for index in name_birth_indexes(term.name, born)]
    facts = {"phone_index__in": phone_indexes(term.phone)} if term.phone else {}
    if names:
        facts["name_birth_index__in"] = names
    return condition | Q(**facts) if facts else condition


def _by_number(text: str) -> list[int]:
    """Ids of people by the number of a person, a reservation, a ticket or a place in a line."""
    people: list[int] = []
    person = _PERSON.fullmatch(text)
    if person:
        people.append(int(person[1]))
    uuid = _UUID.search(text)
    tickets = Q(pk=UUID(uuid[0])) if uuid else Q()
    with suppress(UnreadableCode):
        tickets |= Q(resume_index__in=resume_indexes(text))
    place = _PLACE.fullmatch(text)
    if place:
        tickets |= _tickets_at(int(place[1].replace(",", "")))
    if tickets:
        people += Ticket.objects.filter(tickets).values_list("person_id", flat=True)
    try:
        number = read(text, NUMBER_LETTERS)
    except UnreadableCode:
        return people
    return [*people, *Reservation.objects.filter(number=number).values_list("person_id", flat=True)]


def _tickets_at(place: int) -> Q:
    """The tickets at this place of the newest rooms that have held their draw."""
    rooms = Room.objects.filter(drawn_at__isnull=False).order_by("-pk")[:MOST_ROOMS]
    tickets = Q()
    for room in rooms:
        tickets |= Q(room=room, entry=room.entry_at(place))
    return tickets


def _visible(user: User, condition: Q, term: Term) -> QuerySet[Person]:
    """Those of them whom the user may see: people of their region, people with an appointment at
    their clinics, and by name, birth date and phone together anybody whom they may book for."""
    people = Person.objects.filter(condition, forgotten_at=None)
    if sees_everything(user):
        return people
    own = Q(Exists(reservations_for(user).filter(person=OuterRef("pk"))))
    own |= Q(pk__in=rows_for(user, people, region_path="").values("pk"))
    if term.has_identity:
        own |= Q(pk__in=people_for(user).filter(condition).values("pk")) | Q(region="")
    return people.filter(own)


def may_see(user: User, person: Person) -> bool:
    """Whether this user may open the person's page: by residence or an appointment."""
    return _visible(user, Q(pk=person.pk), Term("")).exists()


def _near(user: User, term: Term) -> tuple[list[Person], bool]:
    """(people of today's appointments with this name or these digits, whether there were too many
    appointments to compare)."""
    start, end = day_bounds(known_today())
    today = reservations_for(user).filter(slot__starts_at__gte=start, slot__starts_at__lt=end)
    ids = list(today.values_list("person_id", flat=True)[: MOST_COMPARED + 1])
    if len(ids) > MOST_COMPARED:
        return [], True
    people = Person.objects.filter(pk__in=ids, forgotten_at=None).only("pk", "name", "phone")
    found = [person.pk for person in people if _matches(person, term)]
    return list(Person.objects.filter(pk__in=found).order_by("pk")[: MOST_FOUND + 1]), False


def _matches(person: Person, term: Term) -> bool:
    fits_name = not term.name or names_agree(person.name, term.name)
    return fits_name and (not term.last_four or person.phone.endswith(term.last_four))
