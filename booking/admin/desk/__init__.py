"""Booking for somebody on the telephone or at the counter: find, look, choose, book, read out."""

from booking.admin.desk.pages import DeskPages

__all__ = ["DeskPages"]
