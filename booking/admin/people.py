"""The person of a row, and the one whom staff have before them or on the telephone."""

from datetime import date
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import AdminForm
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking.models import Reservation
from booking.models.reservations import NUMBER_LETTERS
from database.clock import known_today
from eligibility import spelling
from eligibility.indexes import name_birth_index, phone_index
from eligibility.models import Person
from eligibility.spelling import shown_phone
from staff.enums import AT_A_CLINIC, Act
from staff.models import User
from staff.scoping import TOO_MANY_GUESSES, rows_for
from staff.services import guesses_too_often, record_access
from web.codes import UnreadableCode, read


class PersonColumns:
    """Who a row is about, for the lists of rows that belong to a person."""

    @admin.display(description=gettext_lazy("name"))
    def name(self, row: Model) -> str:
        return row.person.name

    @admin.display(description=gettext_lazy("date of birth"))
    def birth_date(self, row: Model) -> str:
        return row.person.birth_date.isoformat()

    @admin.display(description=gettext_lazy("mobile phone"))
    def phone(self, row: Model) -> str:
        return shown_phone(row.person.phone)


def people_for(user: User) -> QuerySet:
    """Whom this user may look up with name, birth date and phone, all three.

    A clinic's callers may come from anywhere; the local government's are of its region.
    """
    if user.role in AT_A_CLINIC and user.clinic_id:
        return Person.objects.all()
    return rows_for(user, Person.objects.all(), region_path="")


def reservations_for(user: User) -> QuerySet:
    return rows_for(user, Reservation.objects.all(), clinic_path="slot__clinic")


class PersonForm(forms.Form):
    """A reservation number, or name, birth date and phone: never less than all three."""

    number = forms.CharField(
        label=gettext_lazy("Reservation number"), required=False, max_length=40
    )
    name = forms.CharField(label=gettext_lazy("Name"), required=False, max_length=60)
    birth_date = forms.CharField(
        label=gettext_lazy("Date of birth"),
        required=False,
        max_length=20,
        help_text=gettext_lazy("For example 19690512"),
    )
    phone = forms.CharField(label=gettext_lazy("Mobile phone"), required=False, max_length=30)
    ASKED = ("number", "name", "birth_date", "phone")

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        self.request = request
        self.person: Person | None = None
        super().__init__(*args, **kwargs)

    def clean(self):
        values = super().clean()
        if any(name in self.errors for name in self.ASKED):
            return values
        if guesses_too_often(self.request.user):
            self.add_error(None, TOO_MANY_GUESSES)
            return values
        if values.get("number"):
            self.person = self._by_number(values["number"])
        elif all(values.get(name) for name in self.ASKED[1:]):
            self.person = self._by_identity(values)
        else:
            self.add_error(
                None, _("Give the reservation number, or name, date of birth and phone.")
            )
        people = [self.person.pk] if self.person else []
        found = {"found": len(people)}
        record_access(self.request, act=Act.SEARCH, what="find", data=found, people=people)
        return values

    def _by_number(self, text: str) -> Person | None:
        try:
            number = read(text, NUMBER_LETTERS)
        except UnreadableCode:
            number = ""
        rows = reservations_for(self.request.user).select_related("person")
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
            phone = spelling.mobile_phone(values["phone"])
        except ValueError:
            self.add_error("phone", _("Enter a mobile phone number, such as 010-1234-5678."))
            return None
        found = list(
            self.people().filter(
                name_birth_index=name_birth_index(values["name"], born),
                phone_index=phone_index(phone),
            )[:2]
        )
        if len(found) == 1:
            return found[0]
        if not found:
            return self.unknown(name=values["name"], birth_date=born, phone=phone)
        self.add_error(None, _("Several people share these. Use the reservation number."))
        return None

    def people(self) -> QuerySet:
        return people_for(self.request.user)

    def unknown(self, *, name: str, birth_date: date, phone: str) -> Person | None:
        """What to do about somebody of whom nothing is known yet."""
        self.add_error(
            None, _("Nobody is known with this name, date of birth and phone. Check each of them.")
        )
        return None


def as_fieldsets(form: forms.Form, *sections: tuple[str | None, list[str]]) -> AdminForm:
    """A plain form as the admin draws its own, in named parts."""
    parts = [(title, {"fields": fields}) for title, fields in sections]
    return AdminForm(form, parts, {})
