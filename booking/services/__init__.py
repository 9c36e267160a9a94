from .changing import cancel_reservation, change_reservation, undo_cancel
from .confirming import confirm_hold
from .holds import (
    HOLD_LIFETIME,
    MOST_EXTENSIONS,
    Wanted,
    course_of,
    extend_hold,
    held_by,
    hold_place,
    hold_times,
    interval_of,
    keep_typed,
    next_dose_of,
    release_hold,
    take_back_holds,
)
from .jabs import record_jab
from .looking import find_by_number, vaccines_of
from .offers import (
    clinic_key,
    decline_offer,
    join_list,
    leave_list,
    make_offers,
    open_offer,
    place_key,
)
from .reminding import remind
from .reviewing import settle_reviews
from .slots import measure_no_shows, set_all_margins, set_capacity, set_margins
from .visits import book_for, mark_arrived, mark_no_show, mark_vaccinated, undo_mark

__all__ = [
    "HOLD_LIFETIME",
    "MOST_EXTENSIONS",
    "Wanted",
    "book_for",
    "cancel_reservation",
    "change_reservation",
    "clinic_key",
    "confirm_hold",
    "course_of",
    "decline_offer",
    "extend_hold",
    "find_by_number",
    "held_by",
    "hold_place",
    "hold_times",
    "interval_of",
    "join_list",
    "keep_typed",
    "leave_list",
    "make_offers",
    "mark_arrived",
    "mark_no_show",
    "mark_vaccinated",
    "measure_no_shows",
    "next_dose_of",
    "open_offer",
    "place_key",
    "record_jab",
    "release_hold",
    "remind",
    "set_all_margins",
    "set_capacity",
    "set_margins",
    "settle_reviews",
    "take_back_holds",
    "undo_cancel",
    "undo_mark",
    "vaccines_of",
]
