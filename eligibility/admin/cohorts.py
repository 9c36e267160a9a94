"""Admin of cohorts: their windows, timeline, lint, and planned changes."""

from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import label_for_field
from django.contrib.admin.widgets import AdminDateWidget, AdminSplitDateTime
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from database.clock import known_now
from eligibility.admin.people import moment
from eligibility.enums import Proof
from eligibility.facts import cohorts_in_force, rule_of
from eligibility.lint import lint
from eligibility.models import Cohort, CohortChange
from eligibility.services.changes import (
    CHANGEABLE,
    Preview,
    plan_change,
    preview_change,
    withdraw_change,
)
from eligibility.timeline import timeline
from privacy.cipher import blind_indexes
from staff.actors import actor_of
from staff.names import actor_name
from staff.scoping import ScopedAdmin
from staff.services import staff_of


class CohortForm(forms.ModelForm[Cohort]):
    def clean(self) -> None:
        super().clean()
        values = self.cleaned_data
        for first, last, text in [
            ("birth_from", "birth_to", _("This is before the first day of birth.")),
            ("opens_at", "closes_at", _("The end must be after the opening.")),
        ]:
            start, end = values.get(first), values.get(last)
            if start and end and (end < start or (last == "closes_at" and end == start)):
                self.add_error(last, text)


@admin.register(Cohort)
class CohortAdmin(ScopedAdmin[Cohort]):
    """Cohorts. Opening the next age group is a new row; nothing is deployed or restarted."""

    form = CohortForm
    change_list_template = "admin/eligibility/cohort/change_list.html"
    list_display = ["code", "name", "born_from", "born_to", "opens", "closes", "order"]
    list_filter = ["order", "proof"]
    search_fields = ["code", "name_ko", "name_en"]
    date_hierarchy = "opens_at"
    fieldsets = [
        (None, {"fields": ["code", "name_ko", "name_en"]}),
        (gettext_lazy("Who"), {"fields": ["birth_from", "birth_to", "proof", "members_only"]}),
        (gettext_lazy("When"), {"fields": ["opens_at", "closes_at", "order", "priority"]}),
        (
            gettext_lazy("Further conditions"),
            {
                "fields": [
                    "regions",
                    "groups",
                    "excluded_groups",
                    "min_days_since_dose",
                    "digit_hours",
                    "vaccines",
                ],
                "classes": ["collapse"],
            },
        ),
    ]

    @admin.display(description=gettext_lazy("name"))
    def name(self, cohort: Cohort) -> str:
        return cohort.name

    @admin.display(description=gettext_lazy("born from"), ordering="birth_from")
    def born_from(self, cohort: Cohort) -> str:
        return cohort.birth_from.isoformat()

    @admin.display(description=gettext_lazy("born until"), ordering="birth_to")
    def born_to(self, cohort: Cohort) -> str:
        return cohort.birth_to.isoformat()

    @admin.display(description=gettext_lazy("opens at"), ordering="opens_at")
    def opens(self, cohort: Cohort) -> str:
        return moment(cohort.opens_at)

    @admin.display(description=gettext_lazy("closes at"), ordering="closes_at")
    def closes(self, cohort: Cohort) -> str:
        return moment(cohort.closes_at)

    def get_readonly_fields(self, request: HttpRequest, obj: Cohort | None = None) -> list[str]:
        if obj is None:
            return []
        # The code stands in addresses that people have bookmarked. Once decisions are stored, the
        # rule changes only by a CohortChange, which is previewed and keeps promises.
        is_decided = obj.pk is not None and obj.decisions.exists()
        return ["code", *CHANGEABLE, "order"] if is_decided else ["code"]

    def get_urls(self) -> list[URLPattern]:
        return [
            path("timeline/", self.admin_site.admin_view(self.timeline_view), name="timeline"),
            *super().get_urls(),
        ]

    def timeline_view(self, request: HttpRequest) -> HttpResponse:
        """All windows in one drawing, with the findings of the lint."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        now = known_now()
        cohorts = cohorts_in_force(now)
        rules = [rule_of(cohort) for cohort in cohorts]
        return self.page(
            request,
            "admin/eligibility/cohort/timeline.html",
            _("Timeline and check"),
            picture=timeline(cohorts, now),
            findings=lint(cohorts, rules, now),
            planned=CohortChange.objects.filter(applied_at=None, withdrawn_at=None).select_related(
                "cohort"
            ),
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Cohort]:
        return admin.ModelAdmin.get_queryset(self, request)  # the same for everybody


class ChangeForm(forms.ModelForm[CohortChange]):
    """New values of a cohort; empty fields do not change. Saved once to preview, twice to plan."""

    birth_from = forms.DateField(
        label=gettext_lazy("born from"), required=False, widget=AdminDateWidget
    )
    birth_to = forms.DateField(
        label=gettext_lazy("born until"), required=False, widget=AdminDateWidget
    )
    opens_at = forms.SplitDateTimeField(
        label=gettext_lazy("opens at"), required=False, widget=AdminSplitDateTime
    )
    closes_at = forms.SplitDateTimeField(
        label=gettext_lazy("closes at"), required=False, widget=AdminSplitDateTime
    )
    proof = forms.ChoiceField(
        label=gettext_lazy("proof"),
        required=False,
        choices=[("", "–"), *Proof.choices],
    )
    priority = forms.IntegerField(label=gettext_lazy("priority"), required=False)
    regions = forms.CharField(
        label=gettext_lazy("regions"),
        required=False,
        help_text=gettext_lazy("Separated by commas; a hyphen takes all away."),
    )
    groups = forms.CharField(
        label=gettext_lazy("one of these groups"),
        required=False,
        help_text=gettext_lazy("Separated by commas; a hyphen takes all away."),
    )
    by: ClassVar[str]  # the acting user; set on a form class made for one request
    # Keyed hash of the previewed values: a save with other values is previewed again.
    confirmed = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = CohortChange
        fields = ["cohort", "takes_effect_at"]

    def values(self) -> dict[str, Any]:
        """The filled-in fields, as services.plan_change takes them."""
        values = {}
        for name in CHANGEABLE:
            value = self.cleaned_data.get(name)
            if value in (None, ""):
                continue
            if name in ("regions", "groups"):
                parts = [part.strip() for part in value.split(",")]
                value = [part for part in parts if part and part != "-"]
            values[name] = value
        return values

    def _post_clean(self) -> None:
        """Call plan_change, which validates; its ValidationError becomes the form's errors."""
        self.preview: Preview | None = None
        if self.errors:
            return
        cohort, at = self.cleaned_data["cohort"], self.cleaned_data["takes_effect_at"]
        try:
            with transaction.atomic():
                self.instance = plan_change(
                    cohort=cohort, values=self.values(), takes_effect_at=at, by=self.by
                )
                content = f"{cohort.pk} {at.isoformat()} {sorted(self.values().items())}"
                tokens = [index.hex() for index in blind_indexes(content, context=b"cohort_change")]
                if self.cleaned_data["confirmed"] not in tokens:
                    self.preview = preview_change(cohort=cohort, values=self.values(), at=at)
                    # An error keeps the admin from saving; changeform_view shows it as a message.
                    self.add_error(None, _preview_text(self.preview))
                    data = cast("QueryDict", self.data).copy()
                    data["confirmed"] = tokens[0]
                    self.data = data
                    transaction.set_rollback(True)
        except ValidationError as error:
            self.add_error(None, error.messages)

    def save(self, commit: bool = True) -> CohortChange:
        return self.instance

    def save_m2m(self) -> None:
        pass


def _preview_text(preview: Preview) -> str:
    numbers = {
        "gain": f"{preview.gain:,}",
        "lose": f"{preview.lose:,}",
        "kept": f"{preview.keeping:,}",
        "about": _("about") if preview.about else "",
    }
    return (
        _(
            "Not saved yet. By this change %(about)s %(gain)s people of the roster gain and "
            "%(lose)s lose; %(kept)s of those were told yes already and keep it. "
            "Save again to plan it."
        )
        % numbers
    ).replace("  ", " ")


@admin.register(CohortChange)
class CohortChangeAdmin(ScopedAdmin[CohortChange]):
    """Planned changes: previewed, in force from their time, or withdrawn before it."""

    list_display = ["cohort", "takes_effect", "shown_values", "state", "by_whom"]
    list_filter = ["cohort"]
    list_select_related = ["cohort"]
    actions = ["withdraw"]
    fields = readonly_fields = (
        "cohort",
        "takes_effect",
        "shown_values",
        "state",
        "by_whom",
        "created_at",
    )

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show a preview as a message rather than as an error of the form."""
        response = super().changeform_view(request, object_id, *args, **kwargs)
        context = getattr(response, "context_data", None) or {}
        preview = getattr(getattr(context.get("adminform"), "form", None), "preview", None)
        if preview:
            context["errors"] = None
            self.message_user(request, _preview_text(preview), messages.WARNING)
        return response

    def get_queryset(self, request: HttpRequest) -> QuerySet[CohortChange]:
        return admin.ModelAdmin.get_queryset(self, request)  # the same for everybody

    def has_change_permission(self, request: HttpRequest, obj: CohortChange | None = None) -> bool:
        return obj is None and admin.ModelAdmin.has_change_permission(self, request)

    def get_fieldsets(self, request: HttpRequest, obj: CohortChange | None = None) -> Any:
        if obj:
            return super().get_fieldsets(request, obj)
        new = ["birth_from", "birth_to", "opens_at", "closes_at", "proof", "priority"]
        return [
            (None, {"fields": ["cohort", "takes_effect_at"]}),
            (
                _("New values"),
                {
                    "fields": [*new, "regions", "groups", "confirmed"],
                    "description": _(
                        "What stays empty does not change. Saving first shows how many people "
                        "gain and lose; saving again plans the change."
                    ),
                },
            ),
        ]

    def get_readonly_fields(
        self, request: HttpRequest, obj: CohortChange | None = None
    ) -> tuple[str, ...]:
        return self.readonly_fields if obj else ()

    def get_form(
        self,
        request: HttpRequest,
        obj: CohortChange | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> type[forms.ModelForm[CohortChange]]:
        if obj:
            return super().get_form(request, obj, change, **kwargs)
        kwargs |= {"form": ChangeForm, "fields": None}
        form = cast("type[ChangeForm]", super().get_form(request, obj, change, **kwargs))
        form.by = actor_of(staff_of(request))
        return form

    def save_model(
        self,
        request: HttpRequest,
        obj: CohortChange,
        form: forms.ModelForm[CohortChange],
        change: bool,
    ) -> None:
        """Nothing to do: plan_change has written the row during validation."""

    @admin.display(description=gettext_lazy("takes effect at"), ordering="takes_effect_at")
    def takes_effect(self, change: CohortChange) -> str:
        return moment(change.takes_effect_at)

    @admin.display(description=gettext_lazy("by"))
    def by_whom(self, change: CohortChange) -> str:
        return actor_name(change.by)

    @admin.display(description=gettext_lazy("new values"))
    def shown_values(self, change: CohortChange) -> str:
        return ", ".join(
            f"{label_for_field(name, Cohort)}: {value}" for name, value in change.values.items()
        )

    @admin.display(description=gettext_lazy("status"))
    def state(self, change: CohortChange) -> str:
        if change.withdrawn_at:
            return _("Withdrawn")
        if change.takes_effect_at <= known_now():
            return _("In force")
        return _("Planned")

    @admin.action(description=gettext_lazy("Withdraw, while not in force"), permissions=["add"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[CohortChange]) -> None:
        changes = [withdraw_change(change=change) for change in queryset]
        count = sum(change.withdrawn_at is not None for change in changes)
        self.message_user(
            request,
            ngettext("%(count)s change withdrawn.", "%(count)s changes withdrawn.", count)
            % {"count": count},
        )
