"""Acting for callers and walk-ins: find the person, book, move, cancel, read out."""

from booking.admin.desk.changes import ChangePages

__all__ = ["ChangePages"]
