"""What is held about a person's bookings and wishes, for "What is held about me"."""

from django.utils.translation import gettext as _

from booking.areas import Area
from booking.enums import facilities_in_words
from booking.forms import HOURS, weekdays_in_words
from booking.models import ListEntry, Reservation, Wish
from booking.place_names import full_name
from dataio.districts import place_name
from eligibility.hooks import HeldData
from web.times import dated_moment


def held_data(person_id: int) -> list[HeldData]:  # of eligibility.hooks.held_data
    sections = [
        HeldData(_("My bookings"), _reservations(person_id)),
        HeldData(_("The cancellation list"), _list_entries(person_id)),
        HeldData(_("What would suit me"), _wishes(person_id)),
    ]
    return [section for section in sections if section.texts]


def _reservations(person_id: int) -> list[str]:
    rows = Reservation.objects.with_slot().filter(person=person_id).order_by("slot__starts_at")
    return [
        f"{row.shown_number}: {dated_moment(row.slot.starts_at)}, {full_name(row.slot.place)} "
        f"({row.get_status_display()})"
        for row in rows
    ]


def _list_entries(person_id: int) -> list[str]:
    entries = ListEntry.objects.filter(person=person_id).order_by("joined_at")
    return [f"{dated_moment(entry.joined_at)} ({entry.get_status_display()})" for entry in entries]


def _wishes(person_id: int) -> list[str]:
    wish = Wish.objects.select_related("vaccine").filter(person=person_id).first()
    if wish is None:
        return []
    areas = [Area.of(key) for key in wish.places]
    texts = [
        ", ".join(place_name(area.region, area.district) for area in areas),
        weekdays_in_words(wish.weekdays),
        *(str(name) for part, name in HOURS if part and part == wish.part),
        wish.vaccine.name if wish.vaccine else "",
        *facilities_in_words((wish.needs or "").split()),
    ]
    return [text for text in texts if text]
