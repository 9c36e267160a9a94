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
    release_hold,
    take_back_holds,
)
from .looking import find_by_number
from .slots import set_capacity
from .visits import book_for, mark_arrived, mark_no_show, mark_vaccinated, undo_mark

__all__ = [
    "HOLD_LIFETIME",
    "MOST_EXTENSIONS",
    "Wanted",
    "book_for",
    "cancel_reservation",
    "change_reservation",
    "confirm_hold",
    "course_of",
    "extend_hold",
    "find_by_number",
    "held_by",
    "hold_place",
    "hold_times",
    "interval_of",
    "keep_typed",
    "mark_arrived",
    "mark_no_show",
    "mark_vaccinated",
    "release_hold",
    "set_capacity",
    "take_back_holds",
    "undo_cancel",
    "undo_mark",
]
