"""Slots by file: one time in each row, or opening hours of a day to be cut."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking.exceptions import HoursClosed
from booking.models import Clinic, ClosedSlot, Slot
from booking.models.clinics import MOST_CAPACITY
from booking.rules import is_clinic_hour
from booking.schedules import cut
from booking.services.reading import vaccines_by_code
from booking.services.slots import set_capacity
from bulk.kinds import Change, Key, Kind, Record, Values, refused
from bulk.removing import references
from bulk.values import shown
from dataio.csv_in import Column, Layout, Row
from dataio.importing import RowRefused
from dataio.values import clock, day, line_of_text, moment, whole_number
from staff.models import User
from staff.scoping import rows_for

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


class AtClinics(Kind):
    """A kind whose records belong to clinics, and to vaccines, by their codes."""

    def __init__(self, *, by: str, user: User | None = None):
        super().__init__(by=by, user=user)
        clinics = Clinic.objects.all()
        if user is not None:
            clinics = rows_for(user, clinics, clinic_path="")
        self.clinics = dict(clinics.values_list("code", "pk"))
        self.vaccines = vaccines_by_code()
        self.clinic_codes = {pk: code for code, pk in self.clinics.items()}
        self.vaccine_codes = {pk: code for code, pk in self.vaccines.items()}

    def check_codes(self, clinic: str, vaccine: str) -> None:
        for column, value, ids_by_code in [
            ("clinic", clinic, self.clinics),
            ("vaccine", vaccine, self.vaccines),
        ]:
            if value not in ids_by_code:
                raise refused(column, _("there is none with the code “%s”.") % value)


class SlotKind(AtClinics):
    code = "slots"
    name = gettext_lazy("slots")
    model = Slot
    key_fields = ("clinic", "vaccine", "starts_at")
    layouts = [EXPLICIT, HOURS]

    def __init__(self, *, by: str, user: User | None = None):
        super().__init__(by=by, user=user)
        self.slots: dict[Key, Slot] = {}
        self.closed: set[int] = set()  # ids of slots of closed hours

    def records(self, row: Row) -> list[Record]:
        values = row.values
        if "starts_at" in values:
            times = [values["starts_at"]]
        else:
            times = list(cut(values["date"], values["open"], values["close"], values["minutes"]))
        if not times:
            raise RowRefused(_("no slot of this length fits between opening and closing."))
        if not all(map(is_clinic_hour, times)):
            raise RowRefused(_("appointments begin at 06:00 or later."))
        self.check_codes(values["clinic"], values["vaccine"])
        return [
            Record(
                row.line,
                (values["clinic"], values["vaccine"], time),
                {"capacity": values["capacity"]},
            )
            for time in times
        ]

    def current(self, keys: Collection[Key], *, lock: bool = False) -> dict[Key, Values]:
        if not keys:
            return {}
        times = [time for _clinic, _vaccine, time in keys]
        # One range for all; slots in between that the file does not name are left out below.
        rows = Slot.objects.filter(
            clinic__in={self.clinics.get(clinic) for clinic, _vaccine, _time in keys} - {None},
            home=None,
            starts_at__gte=min(times),
            starts_at__lte=max(times),
        )
        slots = {key: slot for slot in rows if (key := self._key_of(slot)) in keys}
        if lock:
            # In order of ids, the lock order of slots.
            ids = [slot.pk for slot in slots.values()]
            locked = Slot.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
            slots = {self._key_of(slot): slot for slot in locked}
        self.slots.update(slots)
        closed = ClosedSlot.objects.filter(slot__in=list(slots.values()), reopened=False)
        self.closed |= set(closed.values_list("slot_id", flat=True))
        return {key: {"capacity": slot.capacity} for key, slot in slots.items()}

    def _key_of(self, slot: Slot) -> Key:
        vaccine = self.vaccine_codes[slot.vaccine_id]
        return self.clinic_codes[slot.clinic_id], vaccine, slot.starts_at

    def check(self, record: Record, before: Values | None) -> None:
        time: datetime = record.key[2]
        if time <= self.now:
            raise refused("starts_at", _("%s is over.") % shown(time))
        if before is not None and record.values["capacity"] < self.slots[record.key].booked:
            raise refused(
                "capacity",
                _("at %(time)s %(booked)s places are booked already.")
                % {"time": shown(time), "booked": self.slots[record.key].booked},
            )
        if before is not None and self._is_closed_above(record.key, record.values["capacity"]):
            raise refused("capacity", str(HoursClosed()))

    def _is_closed_above(self, key: Key, capacity: int) -> bool:
        """Whether this capacity would open seats of closed hours."""
        slot = self.slots[key]
        return slot.pk in self.closed and capacity > slot.booked

    def write(self, changes: Sequence[Change]) -> None:
        existing = [change for change in changes if change.before is not None]
        for change in sorted(existing, key=lambda change: self.slots[change.key].pk):
            slot = self.slots[change.key]
            set_capacity(slot=slot, capacity=change.after["capacity"], by=self.by)
        Slot.objects.bulk_create(
            [
                Slot(
                    clinic_id=self.clinics[clinic],
                    vaccine_id=self.vaccines[vaccine],
                    starts_at=time,
                    capacity=change.after["capacity"],
                )
                for change in changes
                if change.before is None
                for clinic, vaccine, time in [change.key]
            ],
            batch_size=2000,
        )

    def in_use(self, keys: Collection[Key]) -> dict[Key, str]:
        # `current` has read and locked them.
        return references(Slot, {self.slots[key].pk: key for key in keys if key in self.slots})

    def undoable(self, change: Change) -> str:
        slot = self.slots[change.key]
        assert change.before is not None
        if slot.starts_at <= self.now:
            return _("it is over")
        if self._is_closed_above(change.key, change.before["capacity"]):
            return str(HoursClosed())
        return _("more is booked") if change.before["capacity"] < slot.booked else ""

    def remove(self, keys: Collection[Key]) -> None:
        Slot.objects.filter(pk__in=[self.slots[key].pk for key in keys]).delete()

    def stored(self) -> Iterator[tuple[Key, Values]]:
        """Slots to come: those that are over can't be changed."""
        rows = Slot.objects.filter(clinic__in=self.clinic_codes, home=None, starts_at__gt=self.now)
        for slot in rows.order_by("clinic__code", "starts_at", "vaccine__code").iterator():
            yield self._key_of(slot), {"capacity": slot.capacity}

    def repeated(self, record: Record, line: int) -> str:
        return _("asks for %(time)s, as line %(line)s does.") % {
            "time": shown(record.key[2]),
            "line": line,
        }
