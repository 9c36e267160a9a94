"""Identity by card at the counter, also for people with a new phone or not on the roster."""

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking.admin.desk.caller import (
    caller_address,
    caller_crumbs,
    caller_page_address,
    search_crumb,
)
from booking.admin.desk.vouchers import VoucherPages
from booking.admin.people import as_fieldsets, people_for
from eligibility.enums import Card, Source
from eligibility.exceptions import CardRefused, DistrictUnclear
from eligibility.forms import IdentityForm
from eligibility.indexes import name_birth_indexes
from eligibility.models import Person
from eligibility.services.identity import find_or_declare
from eligibility.services.identity_cards import SeenCard, see_card
from eligibility.spelling import any_phone, masked_phone, shown_phone
from staff.actors import actor_of
from staff.enums import Act
from staff.scoping import TOO_MANY_GUESSES
from staff.services import guesses_too_often, record_access, staff_of

NEW = "new"
# More people of one name and birth date than this are not listed.
MOST_NAMESAKES = 10


def _card_field() -> forms.ChoiceField:
    # Its errors are without the value, which may be a number that must not be shown again.
    errors = dict.fromkeys(("required", "invalid_choice"), gettext_lazy("Choose the kind of card."))
    return forms.ChoiceField(
        label=gettext_lazy("Which card did you see?"),
        choices=[("", "---------"), *Card.choices],
        help_text=gettext_lazy("Only its kind is kept. Never type a number of the card."),
        error_messages=errors,
    )


class CardForm(IdentityForm):
    """Who stands at the counter, by the card that staff hold in their hands."""

    card = _card_field()
    no_phone = forms.BooleanField(
        label=gettext_lazy("The person has no phone at all"),
        required=False,
        help_text=gettext_lazy("Messages become letters, which the local government prints."),
    )
    # Text: its choices are known only when name and birth date are.
    person = forms.CharField(
        label=gettext_lazy("Who is it?"), required=False, widget=forms.RadioSelect
    )

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        self.namesakes: list[Person] = []
        # None for a person who is to be entered as new.
        self.found: Person | None = None
        self.fields["name"].help_text = gettext_lazy("As it stands on the card.")
        self.fields["phone"].help_text = gettext_lazy(
            "The phone that the person uses now, a mobile phone or a landline."
        )
        self.fields["phone"].required = False
        self.fields.pop("by", None)
        for name in ("name", "birth_date", "phone"):
            self.fields[name].widget.attrs["autocomplete"] = "off"

    def asked(self) -> list[str]:
        fields = ["card", "name", "birth_date", "phone", "no_phone"]
        if self.asks_century:
            fields.insert(3, "century")
        return [*fields, *(["person"] if self.namesakes else [])]

    # Without calls their messages are printed, as for a person without a phone.
    takes_landlines = True

    def clean_phone(self) -> str:
        if self.data.get("no_phone"):
            return ""
        if not self.cleaned_data["phone"]:
            raise forms.ValidationError(_("Enter the phone number, or say that there is none."))
        return super().clean_phone()

    def clean(self) -> None:
        super().clean()
        values = self.cleaned_data
        if self.errors or not all(values.get(name) for name in ("name", "birth_date")):
            return
        # Before the search: a blocked guess must not reveal whether it was right.
        if guesses_too_often(staff_of(self.request)):
            self.add_error(None, TOO_MANY_GUESSES)
            return
        people = self._people(values["name"], values["birth_date"])
        record_access(
            self.request,
            act=Act.SEARCH,
            what="find",
            data={"found": len(people)},
            people=[person.pk for person in people],
        )
        # Without a phone namesakes look the same: staff have to compare them.
        same = [person for person in people if person.phone and person.phone == values["phone"]]
        if len(same) == 1:
            self.found = same[0]
        elif len(people) > MOST_NAMESAKES:
            self.add_error(None, _("Too many people share this name and date of birth."))
        elif people:
            self._choose(people)

    def _people(self, name: str, birth_date: Any) -> list[Person]:
        """The people of this name and birth date whom the user may look up."""
        user = staff_of(self.request)
        visible: QuerySet[Person] = people_for(user) | Person.objects.filter(region="")
        found = visible.filter(
            name_birth_index__in=name_birth_indexes(name, birth_date), forgotten_at=None
        )
        return list(found.order_by("pk")[: MOST_NAMESAKES + 1])

    def _choose(self, people: list[Person]) -> None:
        self.namesakes = people
        choices = [
            *((str(person.pk), _label(person)) for person in people),
            (NEW, _("None of them: somebody who is not known yet")),
        ]
        cast("forms.RadioSelect", self.fields["person"].widget).choices = choices
        chosen = self.cleaned_data.get("person", "")
        if chosen not in dict(choices):
            self.add_error(
                "person",
                _("Compare the address on the card, and ask for the phone number until now."),
            )
        self.found = next((person for person in people if str(person.pk) == chosen), None)


def _label(person: Person) -> str:
    place = " ".join(filter(None, [person.region, person.district])) or _("region unknown")
    source = _("on the roster") if person.source == Source.ROSTER else _("not on the roster")
    return f"{masked_phone(person.phone)} · {place} · {source}"


class SeenForm(forms.Form):
    """The card of a person who was found already, and their new phone."""

    card = _card_field()
    phone = forms.CharField(
        label=gettext_lazy("New phone number"),
        required=False,
        max_length=40,
        help_text=gettext_lazy(
            "Only if it is another one now. The place in the line and the appointments go with the "
            "person; the old phone gets a message, and is signed out."
        ),
    )

    def clean_phone(self) -> str:
        typed = self.cleaned_data["phone"]
        try:
            return any_phone(typed) if typed else ""
        except ValueError:
            raise forms.ValidationError(
                _("Enter a phone number, such as 010-1234-5678 or 02-2123-4567.")
            ) from None


class CardPages(VoucherPages):
    """Adds the two pages on which staff say that they have seen a card."""

    def card_view(self, request: HttpRequest) -> HttpResponse:
        """Identify a person at the counter by what stands on the card."""
        self._require_book_permission(request)
        form = CardForm(request.POST or None, request=request)
        if request.method == "POST" and form.is_valid():
            answer = self._see(request, form)
            if answer is not None:
                return answer
        return self.act_page(
            request,
            _("Identity card at the counter"),
            lead=_(
                "For a person who stands before you with an official card, also with a new phone "
                "or not on the roster. Compare the photo first."
            ),
            crumbs=[search_crumb()],
            form=form,
            adminform=as_fieldsets(form, (None, form.asked())),
            submit=_("I have seen the card"),
            back=reverse("admin:desk"),
            status=422 if form.errors else 200,
        )

    def _see(self, request: HttpRequest, form: CardForm) -> HttpResponse | None:
        """The redirect to the person; None with an error added to the form."""
        values = form.cleaned_data
        identity = {name: values[name] for name in ("name", "birth_date", "phone")}
        try:
            person = form.found or find_or_declare(**identity)
            if form.found is None and person in form.namesakes:
                raise CardRefused(
                    _("Somebody of this name and birth date without a phone is known already.")
                )
            return self._seen(request, person, Card(values["card"]), values["phone"])
        except DistrictUnclear:
            form.add_error(None, _("Several people share these. Use the reservation number."))
        except CardRefused as refusal:
            form.add_error(None, str(refusal))
        return None

    def caller_card_view(self, request: HttpRequest, token: str) -> HttpResponse:
        """Say that the card of a person found already was seen, and give them a new phone."""
        person = self._caller_to_act_for(request, token)
        if person is None:
            return self._search_again(request)
        form = SeenForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            values = form.cleaned_data
            try:
                return self._seen(request, person, Card(values["card"]), values["phone"])
            except CardRefused as refusal:
                form.add_error(None, str(refusal))
        self._record(request, Act.DETAIL, "caller", [person.pk])
        return self.page(
            request,
            "admin/booking/desk/card.html",
            _("Identity card at the counter"),
            crumbs=caller_crumbs(person, token),
            person=person,
            phone=shown_phone(person.phone),
            form=form,
            adminform=as_fieldsets(form, (None, list(form.fields))),
            back=caller_address(token),
            status=422 if form.errors else 200,
        )

    def _seen(self, request: HttpRequest, person: Person, card: Card, phone: str) -> HttpResponse:
        result = see_card(person=person, card=card, by=actor_of(staff_of(request)), phone=phone)
        self._record(request, Act.CHANGE, "card", [result.person.pk], card=card.value)
        messages.success(request, _after(result))
        return HttpResponseRedirect(caller_page_address(request, result.person.pk))


def _after(result: SeenCard) -> str:
    if result.person.roster_key is not None:
        return _("Noted: the card was seen. The person is on the roster and may be booked for.")
    if result.review is not None:
        return _(
            "Noted: the card was seen. The health authority was asked about %(cohort)s. Until it "
            "answers the person may wait in the line; then they can be booked for."
        ) % {"cohort": result.review.cohort.name}
    if result.refusal:
        return _(
            "Noted: the card was seen. The health authority could not be asked: %(reason)s"
        ) % {"reason": result.refusal}
    return _("Noted: the card was seen. No period needs a review for this person.")
