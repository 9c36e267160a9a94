from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dataio.districts import REGIONS
from eligibility.models import Cohort
from reports.enums import Encoding, Headers, Holds, Packing, Zone
from reports.exceptions import BadSelection
from reports.exports import Export
from reports.orders import form_of
from reports.packing import check_packing
from reports.selection import SHORTEST_REASON, Form, Selection, select
from staff.models import User
from web.inputs import DayInput


def region_field() -> forms.ChoiceField:
    """One region, or all."""
    return forms.ChoiceField(
        label=gettext_lazy("Region"),
        choices=[("", gettext_lazy("All")), *((name, name) for name in REGIONS)],
        required=False,
    )


class TakeForm(forms.Form):
    """What of an export is taken, and how it is written. `selection` after a valid form."""

    first = forms.DateField(label=gettext_lazy("From day"), widget=DayInput(), required=False)
    last = forms.DateField(label=gettext_lazy("Until day"), widget=DayInput(), required=False)
    region = region_field()
    cohort = forms.ModelChoiceField(
        label=gettext_lazy("Cohort"),
        queryset=Cohort.objects.all(),
        to_field_name="code",
        empty_label=gettext_lazy("All"),
        required=False,
    )
    columns = forms.MultipleChoiceField(
        label=gettext_lazy("Columns"),
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=gettext_lazy("None ticked is all of them."),
    )
    recipient = forms.CharField(
        label=gettext_lazy("Keys of people for"),
        max_length=40,
        required=False,
        help_text=gettext_lazy(
            "The recipient's name: the file gets a key of each person that only this recipient's "
            "files have, and the age. Empty for neither."
        ),
    )
    people = forms.BooleanField(
        label=gettext_lazy("With names, dates of birth and phone numbers"), required=False
    )
    packing = forms.ChoiceField(
        label=gettext_lazy("Kind of file"), choices=Packing.choices, initial=Packing.CSV
    )
    encoding = forms.ChoiceField(label=gettext_lazy("For"), choices=Encoding.choices)
    headers = forms.ChoiceField(label=gettext_lazy("First line"), choices=Headers.choices)
    zone = forms.ChoiceField(label=gettext_lazy("Times in"), choices=Zone.choices)
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        min_length=SHORTEST_REASON,
        max_length=200,
        help_text=gettext_lazy("Kept with the record of this download."),
    )
    keep = forms.BooleanField(
        label=gettext_lazy("By a worker, and kept for some days"),
        required=False,
        help_text=gettext_lazy("Large files always are: the next page shows how far they are."),
    )
    ROWS = ("first", "last", "region", "cohort")
    COLUMNS = ("columns", "recipient", "people")
    FILE = ("packing", "encoding", "headers", "zone", "reason", "keep")

    def __init__(self, *args: Any, export: Export, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.export, self.user = export, user
        self.selection: Selection | None = None
        # Those about people have questions of their own.
        columns = self.fields["columns"]
        assert isinstance(columns, forms.MultipleChoiceField)
        columns.choices = [(column.name, str(column.title)) for column in export.plain_columns]
        lacking = {
            "region": not export.source.has_region,
            "cohort": not export.has_cohort,
            "recipient": not export.has_people,
            "people": not export.has_people,
        }
        for name, is_lacking in lacking.items():
            if is_lacking:
                del self.fields[name]
        period = _("What the days limit: %(period)s") % {"period": export.period}
        self.fields["first"].help_text = period

    def fieldsets(self) -> list[Any]:
        """The fields in groups, for the admin's layout."""
        groups = [(_("Rows"), self.ROWS), (_("Columns"), self.COLUMNS), (_("File"), self.FILE)]
        return [
            (title, {"fields": [name for name in names if name in self.fields]})
            for title, names in groups
        ]

    def clean(self) -> None:
        super().clean()
        if self.errors:
            return
        values = self.cleaned_data
        cohort = values.get("cohort")
        try:
            self.selection = select(
                self.export,
                user=self.user,
                first=values["first"],
                last=values["last"],
                region=values.get("region", ""),
                cohort=cohort.code if cohort else "",
                columns=self._columns(),
                people=bool(values.get("people")),
                recipient=values.get("recipient", ""),
            )
            check_packing(self.selection, Packing(values["packing"]))
        except BadSelection as problem:
            option = problem.option if problem.option in self.fields else None
            self.add_error(option, str(problem))

    def _columns(self) -> list[str]:
        """The ticked columns, with those about people that are asked for as such."""
        ticked = list(self.cleaned_data["columns"])
        if not ticked:
            return []
        wanted = set()
        wanted |= {Holds.NAME} if self.cleaned_data.get("people") else set()
        wanted |= {Holds.PSEUDONYM} if self.cleaned_data.get("recipient") else set()
        # All are ticked at first; those that join files go without a word.
        joining = {column.name for column in self.export.columns if column.joins}
        if Holds.PSEUDONYM in wanted:
            ticked = [name for name in ticked if name not in joining]
        return [
            *ticked,
            *(column.name for column in self.export.columns if column.holds in wanted),
        ]

    def form(self) -> Form:
        return form_of(self.cleaned_data)
