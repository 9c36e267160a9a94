"""Admin of reviews and corrections: the health authority decides them, with the facts shown."""

from typing import Any, ClassVar, TypeVar, cast

from django import forms
from django.contrib import admin
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from eligibility.admin.people import ReadOnlyAdmin, moment
from eligibility.enums import ReviewStatus
from eligibility.exceptions import Refusal
from eligibility.facts import facts_of, rule_of
from eligibility.indexes import name_birth_indexes
from eligibility.models import Correction, Person, Review
from eligibility.reasons import sentence
from eligibility.rules import decide
from eligibility.services.corrections import grant_correction, refuse_correction
from eligibility.services.reviews import grant_review, refuse_review
from eligibility.spelling import shown_phone
from staff.actors import actor_of
from staff.enums import Act
from staff.services import staff_of

Requested = TypeVar("Requested", Review, Correction)


class VerdictForm(forms.ModelForm[Requested]):
    verdict = forms.ChoiceField(
        label=gettext_lazy("Your decision"),
        choices=[
            ("", gettext_lazy("Not decided yet")),
            (ReviewStatus.GRANTED, gettext_lazy("Yes: the place becomes an ordinary one")),
            (ReviewStatus.REFUSED, gettext_lazy("No: the place ends")),
        ],
        required=False,
    )

    class Meta:
        model: type[Review | Correction] = Review
        fields = ["answer"]
        widgets = {"answer": forms.Textarea(attrs={"rows": 3, "cols": 60})}

    def clean(self) -> None:
        super().clean()
        values = self.cleaned_data
        if values.get("verdict") == ReviewStatus.REFUSED and not values.get("answer"):
            self.add_error("answer", _("Tell the person why not, and what they can do now."))


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin[Review]):
    """Doubted decisions: open ones first, the oldest on top."""

    form = VerdictForm[Review]
    region_path = "person"
    list_display = ["number", "person", "cohort", "reason", "status", "opened", "closed"]
    list_filter = ["status", "reason", "cohort"]
    list_select_related = ["person", "cohort"]
    change_list_template = "admin/people_list.html"
    sortable_by = ()
    readonly_fields = [
        "person",
        "cohort",
        "reason",
        "shown_note",
        "says",
        "declared",
        "same_name",
        "status",
        "opened_at",
        "closed_at",
        "by",
    ]

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        return [F("closed_at").desc(nulls_first=True), "opened_at"]

    def get_fieldsets(self, request: HttpRequest, obj: Review | None = None) -> list[Any]:
        decided = ["answer"] if obj and obj.status != ReviewStatus.OPEN else ["verdict", "answer"]
        doubt = ["person", "cohort", "reason", "shown_note", "opened_at"]
        return [
            (_("What the person asks"), {"fields": doubt}),
            (_("What is known"), {"fields": ["says", "declared", "same_name"]}),
            (_("Decision"), {"fields": [*decided, "status", "closed_at", "by"]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Review | None = None) -> list[str]:
        closed = obj and obj.status != ReviewStatus.OPEN
        return [*self.readonly_fields, "answer"] if closed else self.readonly_fields

    def has_change_permission(
        self, request: HttpRequest, obj: Review | Correction | None = None
    ) -> bool:
        may = admin.ModelAdmin.has_change_permission(self, request, cast("Review | None", obj))
        return may and (obj is None or obj.status == ReviewStatus.OPEN)

    def save_model(
        self, request: HttpRequest, obj: Review, form: forms.ModelForm[Review], change: bool
    ) -> None:
        """Write the verdict by a service; nothing else on this page can be changed."""
        by = actor_of(staff_of(request))
        verdict, answer = form.cleaned_data.get("verdict"), form.cleaned_data["answer"]
        if verdict == ReviewStatus.GRANTED:
            grant_review(review=obj, by=by, answer=answer)
        elif verdict == ReviewStatus.REFUSED:
            refuse_review(review=obj, by=by, answer=answer)

    @admin.display(description=gettext_lazy("number"))
    def number(self, review: Review) -> str:
        return str(review)

    @admin.display(description=gettext_lazy("opened at"))
    def opened(self, row: Review | Correction) -> str:
        return moment(row.opened_at)

    @admin.display(description=gettext_lazy("closed at"))
    def closed(self, row: Review | Correction) -> str:
        return moment(row.closed_at)

    @admin.display(description=gettext_lazy("note"))
    def shown_note(self, review: Review) -> str:
        return review.note or "–"

    @admin.display(description=gettext_lazy("what the rules say now"))
    def says(self, review: Review) -> str:
        outcome = decide(facts_of(review.person), rule_of(review.cohort), review.opened_at)
        return " ".join(sentence(code, values) for code, values in outcome.reasons)

    @admin.display(description=gettext_lazy("what the person typed, and proved the phone of"))
    def declared(self, review: Review) -> str:
        return _shown(review.person)

    @admin.display(description=gettext_lazy("others of the same name and birth date"))
    def same_name(self, review: Review) -> str:
        others = _same_name(review.person)
        if not others:
            return _("nobody")
        return format_html(
            "<ul>{}</ul>",
            format_html_join("", "<li>{}</li>", ((_shown(person),) for person in others)),
        )

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Record that the people of the same name, shown beside the review, were seen too."""
        response = super().changeform_view(request, object_id, *args, **kwargs)
        review = (getattr(response, "context_data", None) or {}).get("original")
        if review is not None and (others := _same_name(review.person)):
            people = [other.pk for other in others]
            self._record(request, Act.DETAIL, self.opts.label_lower, people, row=str(review))
        return response


def _same_name(person: Person) -> list[Person]:
    indexes = name_birth_indexes(person.name, person.birth_date)
    same = Person.objects.filter(name_birth_index__in=indexes).exclude(pk=person.pk)
    return list(same[:20])


class CorrectionForm(VerdictForm[Correction]):
    by: ClassVar[str]  # the acting user; set on a form class made for one request
    verdict = forms.ChoiceField(
        label=gettext_lazy("Your decision"),
        choices=[
            ("", gettext_lazy("Not decided yet")),
            (ReviewStatus.GRANTED, gettext_lazy("Yes: put it right")),
            (ReviewStatus.REFUSED, gettext_lazy("No: leave it as it is")),
        ],
        required=False,
    )

    class Meta(VerdictForm.Meta):
        model = Correction

    def _post_clean(self) -> None:
        """Call the service, which validates and writes; its refusal becomes the form's error."""
        if self.errors:
            return
        verdict, answer = self.cleaned_data.get("verdict"), self.cleaned_data["answer"]
        try:
            if verdict == ReviewStatus.GRANTED:
                grant_correction(correction=self.instance, by=self.by, answer=answer)
            elif verdict == ReviewStatus.REFUSED:
                refuse_correction(correction=self.instance, by=self.by, answer=answer)
        except Refusal as refusal:
            self.add_error("verdict", str(refusal))


@admin.register(Correction)
class CorrectionAdmin(ReadOnlyAdmin[Correction]):
    """Requests to correct a stored value: open ones first, the oldest on top."""

    form = CorrectionForm
    region_path = "person"
    list_display = ["number", "person", "field", "status", "opened", "closed"]
    list_filter = ["status", "field"]
    list_select_related = ["person"]
    change_list_template = "admin/people_list.html"
    sortable_by = ()
    readonly_fields = ["person", "declared", "field", "shown_wanted", "status", "closed_at", "by"]

    number = ReviewAdmin.number
    opened = ReviewAdmin.opened
    closed = ReviewAdmin.closed
    declared = ReviewAdmin.declared
    get_ordering = ReviewAdmin.get_ordering
    has_change_permission = ReviewAdmin.has_change_permission

    def get_fieldsets(self, request: HttpRequest, obj: Correction | None = None) -> list[Any]:
        decided = ["answer"] if obj and obj.status != ReviewStatus.OPEN else ["verdict", "answer"]
        return [
            (_("What the person asks"), {"fields": ["person", "field", "shown_wanted"]}),
            (_("What is known"), {"fields": ["declared"]}),
            (_("Decision"), {"fields": [*decided, "status", "closed_at", "by"]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Correction | None = None) -> list[str]:
        closed = obj and obj.status != ReviewStatus.OPEN
        return [*self.readonly_fields, "answer"] if closed else self.readonly_fields

    def get_form(
        self,
        request: HttpRequest,
        obj: Correction | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> type[CorrectionForm]:
        form = cast("type[CorrectionForm]", super().get_form(request, obj, change, **kwargs))
        form.by = actor_of(staff_of(request))
        return form

    def save_model(
        self, request: HttpRequest, obj: Correction, form: forms.ModelForm[Correction], change: bool
    ) -> None:
        """Nothing to do: the form's service has written the verdict."""

    @admin.display(description=gettext_lazy("wanted"))
    def shown_wanted(self, correction: Correction) -> str:
        return correction.wanted


def _shown(person: Person) -> str:
    parts = [
        person.name,
        person.birth_date.isoformat(),
        shown_phone(person.phone),
        f"{person.region} {person.district}".strip(),
        ", ".join(person.groups),
        person.get_source_display(),
        str(person),
    ]
    return " · ".join(part for part in parts if part)
