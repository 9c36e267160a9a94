"""Admin of schedules: what is delivered each day, where, and how the last days went."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from reports import morning
from reports.admin.texts import title_of
from reports.definitions import EXPORTS
from reports.enums import Encoding, FileStatus, Headers, Packing, Zone
from reports.exceptions import BadSelection
from reports.forms import region_field
from reports.models import ExportFile, ExportSchedule
from reports.orders import form_of, order_of
from reports.packing import check_packing
from reports.selection import SHORTEST_REASON, check_reason, select
from staff.pages import StaffPages
from staff.services import staff_of
from web.careful_admin import CarefulMixin

SHOWN_FILES = 14


class ScheduleForm(forms.ModelForm[ExportSchedule]):
    region = region_field()
    columns = forms.CharField(
        label=gettext_lazy("Columns"),
        required=False,
        help_text=gettext_lazy("Names with commas between; empty for all that name nobody."),
    )
    recipient = forms.CharField(
        label=gettext_lazy("Keys of people for"), max_length=40, required=False
    )
    people = forms.BooleanField(
        label=gettext_lazy("With names, dates of birth and phone numbers"), required=False
    )
    packing = forms.ChoiceField(label=gettext_lazy("Kind of file"), choices=Packing.choices)
    encoding = forms.ChoiceField(label=gettext_lazy("For"), choices=Encoding.choices)
    headers = forms.ChoiceField(label=gettext_lazy("First line"), choices=Headers.choices)
    zone = forms.ChoiceField(label=gettext_lazy("Times in"), choices=Zone.choices)
    language = forms.ChoiceField(
        label=gettext_lazy("Language"),
        choices=settings.LANGUAGES[: len(settings.STAFF_LANGUAGES)],
        required=False,
        help_text=gettext_lazy("Of the report; a file of rows has headers."),
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"), min_length=SHORTEST_REASON, max_length=200
    )

    class Meta:
        model = ExportSchedule
        fields = ["name", "export", "period", "at", "target", "late_after", "reason", "active"]
        widgets = {"at": forms.TimeInput(attrs={"type": "time"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Of a definition and of the settings: the model knows neither.
        exports = [
            (morning.NAME, _("The morning report as PDF")),
            *((name, str(export.title)) for name, export in EXPORTS.items()),
        ]
        targets = [(name, name) for name in settings.EXPORT_TARGETS]
        for name, choices in [("export", exports), ("target", targets)]:
            if name not in self.fields:  # for readers
                continue
            label = self.fields[name].label
            self.fields[name] = forms.ChoiceField(label=label, choices=choices)
        options = self.instance.options
        if options:
            self.initial.update({name: options.get(name, "") for name in self._OPTIONS})
            columns = options.get("columns", [])
            self.initial["columns"] = ", ".join(columns)
            export = EXPORTS.get(self.instance.export)
            self.initial["people"] = bool(export and export.names_people(columns))

    _OPTIONS = ("region", "recipient", "packing", "encoding", "headers", "zone", "language")

    def clean(self) -> dict[str, Any]:
        super().clean()
        values = self.cleaned_data
        if self.errors:
            return values
        if values["export"] == morning.NAME:
            # It has no rows to choose, only an area: the other questions are not asked of it.
            self.instance.options = {
                "region": values["region"],
                "language": values["language"] or "ko",
                "packing": "pdf",
            }
            return values
        try:
            selection = select(
                EXPORTS[values["export"]],
                region=values["region"],
                columns=[name.strip() for name in values["columns"].split(",") if name.strip()],
                people=values["people"],
                recipient=values["recipient"],
            )
            check_reason(selection, values["reason"])
            check_packing(selection, Packing(values["packing"]))
        except BadSelection as problem:
            self.add_error(problem.option if problem.option in self.fields else None, str(problem))
            return values
        self.instance.options = order_of(selection, form_of(values))
        return values


@admin.register(ExportSchedule)
class ExportScheduleAdmin(CarefulMixin[ExportSchedule], StaffPages[ExportSchedule]):
    form = ScheduleForm
    list_display = ["name", "of", "period", "at", "target", "active", "last_file"]
    list_filter = ["active", "target"]
    fields = [
        "name", "export", "period", "at", "region", "columns", "recipient", "people", "target",
        "packing", "encoding", "headers", "zone", "language", "late_after", "reason", "active",
        "files_shown",
    ]  # fmt: skip
    readonly_fields = ["files_shown"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ExportSchedule]:
        files = Prefetch("files", ExportFile.objects.order_by("-day")[:1], to_attr="newest")
        return super().get_queryset(request).prefetch_related(files)

    def get_fields(self, request: HttpRequest, obj: ExportSchedule | None = None) -> list[Any]:
        if self.has_change_permission(request, obj) or obj is None:
            return list(self.fields)
        return ["name", "export", "period", "at", "target", "late_after", "reason", "active",
                "files_shown"]  # fmt: skip

    def has_delete_permission(
        self, request: HttpRequest, obj: ExportSchedule | None = None
    ) -> bool:
        return False  # it is switched off: its files stay on record

    def save_model(
        self, request: HttpRequest, obj: ExportSchedule, form: forms.ModelForm[Any], change: bool
    ) -> None:
        if not change:
            obj.made_by = staff_of(request)
        super().save_model(request, obj, form, change)

    @admin.display(description=gettext_lazy("export"))
    def of(self, schedule: ExportSchedule) -> str:
        return title_of(schedule.export)

    @admin.display(description=gettext_lazy("last file"))
    def last_file(self, schedule: ExportSchedule) -> str:
        newest: list[ExportFile] = getattr(schedule, "newest", [])
        return _line(newest[0]) if newest else "–"

    @admin.display(description=gettext_lazy("files of the last days"))
    def files_shown(self, schedule: ExportSchedule) -> str:
        if schedule.pk is None:
            return "–"
        files = schedule.files.order_by("-day")[:SHOWN_FILES]
        return format_html_join("", "<p>{}</p>", ((_line(file),) for file in files)) or "–"


def _line(file: ExportFile) -> str:
    parts = [str(file.day), str(FileStatus(file.status).label)]
    if file.status == FileStatus.DONE and file.export in EXPORTS:
        parts.append(_("%(count)s rows") % {"count": f"{file.rows:,}"})
    if file.alarmed_at and file.status != FileStatus.DONE:
        parts.append(_("late"))
    if file.problem:
        parts.append(file.problem)
    return " · ".join(parts)
