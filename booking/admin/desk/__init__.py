"""Acting for callers and walk-ins: find the person, book, move, cancel, read out."""

from booking.admin.desk.letters import LetterPages

__all__ = ["LetterPages"]
