"""Booking for callers and walk-ins: find the person, choose a slot, book, read out."""

from booking.admin.desk.pages import DeskPages

__all__ = ["DeskPages"]
