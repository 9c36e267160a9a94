"""Columns of a row's person, and the form by which staff identify a caller or walk-in."""

from datetime import date
from typing import Any, Protocol

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import AdminForm
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking.models import Reservation
from booking.models.reservations import NUMBER_LETTERS
from database.clock import known_today
from eligibility import spelling
from eligibility.indexes import name_birth_indexes, phone_indexes
from eligibility.models import Person
from eligibility.spelling import shown_phone
from messaging.letters import letters
from messaging.models import Message
from staff.enums import AT_A_CLINIC, Act
from staff.models import User
from staff.pages import fieldsets_of
from staff.scoping import TOO_MANY_GUESSES, rows_for, sees_everything
from staff.services import guesses_too_often, record_access, staff_of
from web.codes import UnreadableCode, read


class OfPerson(Protocol):
    """A row that belongs to a person."""

    person: Any


class PersonColumns:
    """Name, birth date and phone, for lists of rows with a person."""

    @admin.display(description=gettext_lazy("name"))
    def name(self, row: OfPerson) -> str:
        return str(row.person.name)

    @admin.display(description=gettext_lazy("date of birth"))
    def birth_date(self, row: OfPerson) -> str:
        return str(row.person.birth_date.isoformat())

    @admin.display(description=gettext_lazy("mobile phone"))
    def phone(self, row: OfPerson) -> str:
        return shown_phone(row.person.phone)


def people_for(user: User) -> QuerySet[Person]:
    """The people this user may look up by name, birth date and phone together.

    For a clinic people of all regions, for the local government those of its own.
    """
    if user.role in AT_A_CLINIC and user.clinic_id:
        return Person.objects.all()
    return rows_for(user, Person.objects.all(), region_path="")


def reservations_for(user: User) -> QuerySet[Reservation]:
    return rows_for(user, Reservation.objects.all(), clinic_path="slot__clinic")


def letters_for(user: User) -> QuerySet[Message]:
    """Letters to the residents of the user's area, and to people of no known area who have an
    appointment there."""
    if sees_everything(user):
        return letters()
    addressed = Person.objects.filter(pk=OuterRef("person_id"))
    residents = rows_for(user, addressed, region_path="")
    booked = reservations_for(user).filter(person=OuterRef("person_id"), person__region="")
    return letters().filter(Exists(residents) | Exists(booked))


class PersonForm(forms.Form):
    """Identifies a person by a reservation number, or by name, birth date and phone together.

    Every search is recorded, and the number of guesses limited (`guesses_too_often`).
    """

    number = forms.CharField(
        label=gettext_lazy("Reservation number"), required=False, max_length=40
    )
    name = forms.CharField(label=gettext_lazy("Name"), required=False, max_length=60)
    # Text fields: eligibility.spelling reads more spellings than Django's date field.
    birth_date = forms.CharField(
        label=gettext_lazy("Date of birth"),
        required=False,
        max_length=20,
        help_text=gettext_lazy("For example 19690512"),
    )
    phone = forms.CharField(label=gettext_lazy("Phone number"), required=False, max_length=30)
    ASKED = ("number", "name", "birth_date", "phone")

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        self.request = request
        self.person: Person | None = None
        super().__init__(*args, **kwargs)

    def clean(self) -> None:
        super().clean()
        values = self.cleaned_data
        if any(name in self.errors for name in self.ASKED):
            return
        # Before the search: a blocked guess must not reveal whether it was right.
        if guesses_too_often(staff_of(self.request)):
            self.add_error(None, TOO_MANY_GUESSES)
            record_access(self.request, act=Act.SEARCH, what="find", data={"refused": True})
            return
        if values.get("number"):
            self.person = self._by_number(values["number"])
        elif all(values.get(name) for name in self.ASKED[1:]):
            self.person = self._by_identity(values)
        else:
            self.add_error(
                None, _("Give the reservation number, or name, date of birth and phone.")
            )
        people = [self.person.pk] if self.person else []
        data = {"found": len(people)}
        record_access(self.request, act=Act.SEARCH, what="find", data=data, people=people)

    def _by_number(self, text: str) -> Person | None:
        try:
            number = read(text, NUMBER_LETTERS)
        except UnreadableCode:
            number = ""  # finds nothing: the same error as for an unknown number
        rows = reservations_for(staff_of(self.request)).select_related("person")
        row = rows.filter(number=number).first()
        if row is None:
            self.add_error("number", _("You have no reservation with this number."))
        return row.person if row else None

    def _by_identity(self, values: dict[str, Any]) -> Person | None:
        try:
            born = spelling.birth_date(values["birth_date"], today=known_today())
        except ValueError:
            self.add_error("birth_date", _("Enter a birth date that exists, for example 19690512."))
            return None
        try:
            phone = spelling.any_phone(values["phone"])
        except ValueError:
            text = _("Enter a phone number, such as 010-1234-5678 or 02-2123-4567.")
            self.add_error("phone", text)
            return None
        people = list(
            self.people().filter(
                name_birth_index__in=name_birth_indexes(values["name"], born),
                phone_index__in=phone_indexes(phone),
            )[:2]  # two are enough to see that it is ambiguous
        )
        if len(people) == 1:
            return people[0]
        if not people:
            return self.unknown(name=values["name"], birth_date=born, phone=phone)
        self.add_error(None, _("Several people share these. Use the reservation number."))
        return None

    def people(self) -> QuerySet[Person]:
        return people_for(staff_of(self.request))

    def unknown(self, *, name: str, birth_date: date, phone: str) -> Person | None:
        """Called when no person matches: adds an error, or returns a new person (subclass)."""
        self.add_error(
            None, _("Nobody is known with this name, date of birth and phone. Check each of them.")
        )
        return None


def as_fieldsets(form: forms.Form, *sections: tuple[str | None, list[str]]) -> AdminForm:
    """A plain form as admin fieldsets; `sections` are (title, field names)."""
    parts = [(title, {"fields": fields}) for title, fields in sections]
    return fieldsets_of(form, parts)
