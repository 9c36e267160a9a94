"""Acting for callers and walk-ins: find the person, book, move, cancel, read out."""

from booking.admin.desk.cards import CardPages

__all__ = ["CardPages"]
