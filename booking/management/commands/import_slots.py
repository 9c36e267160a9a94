from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking.imports import SlotImport, SlotPlan
from booking.models.clinics import MOST_CAPACITY
from booking.rules import is_clinic_hour
from booking.schedules import cut
from dataio.csv_in import Column, Layout, Row
from dataio.importing import ImportCommand, Outcome, RowRefused
from dataio.values import clock, day, line_of_text, moment, whole_number

# 0 closes a slot without deleting it.
CAPACITY = Column("capacity", whole_number(0, MOST_CAPACITY))
EXPLICIT = Layout(
    "slots",
    [
        Column("clinic", line_of_text, max_length=20),
        Column("vaccine", line_of_text, max_length=20),
        Column("starts_at", moment),
        CAPACITY,
    ],
)
HOURS = Layout(
    "hours",
    [
        Column("clinic", line_of_text, max_length=20),
        Column("vaccine", line_of_text, max_length=20),
        Column("date", day),
        Column("open", clock),
        Column("close", clock),
        Column("minutes", whole_number(5, 240)),
        CAPACITY,
    ],
)


class Command(ImportCommand):
    help = gettext_lazy(
        "Add slots, or change their capacity: one time in each row, or opening hours to be cut"
    )
    layouts = [EXPLICIT, HOURS]

    def handle(self, **options: Any) -> None:
        self.slots = SlotImport(by="command:import_slots")
        super().handle(**options)

    def check_row(self, row: Row) -> None:
        # Rows of both layouts become plans.
        values = row.values
        if "starts_at" in values:
            times = [values["starts_at"]]
        else:
            times = list(cut(values["date"], values["open"], values["close"], values["minutes"]))
        if not times:
            raise RowRefused(_("no slot of this length fits between opening and closing."))
        if not all(map(is_clinic_hour, times)):
            raise RowRefused(_("appointments begin at 06:00 or later."))
        row.values["plan"] = SlotPlan(
            line=row.line,
            clinic=values["clinic"],
            vaccine=values["vaccine"],
            times=times,
            capacity=values["capacity"],
        )

    def write(self, rows: Sequence[Row]) -> Sequence[Outcome | RowRefused]:
        return self.slots.save([row.values["plan"] for row in rows])
