"""Acting for callers and walk-ins: find the person, book, move, cancel, read out."""

from booking.admin.desk.vouchers import VoucherPages

__all__ = ["VoucherPages"]
