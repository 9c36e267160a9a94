"""The clinic's day: hours, people around now, one box for scans and searches, and marks."""

from booking.admin.day.marks import MARKS, buttons_of
from booking.admin.day.pages import DayPages
from booking.admin.day.rows import marks_of

__all__ = ["MARKS", "DayPages", "buttons_of", "marks_of"]
