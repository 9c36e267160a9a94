"""How often a reservation number may be tried: ten letters can't be guessed, a phone could be.

Failures are counted. Above a limit the browser does a short proof of work, or waits a minute:
nobody is refused, and whoever tries wrong phones slows down nobody but themselves.
"""

from django.http import HttpRequest

from eligibility.brakes import Brake, needs_work

FAILURES = [
    # A number tried from one network; where that is not known, with all others.
    Brake("lookup.number", "10/10m"),
    Brake("lookup.source", "100/10m"),
]


def look_up_is_slowed(request: HttpRequest, number: str, phone: str) -> bool:
    """True if a proof of work is due before this number may be tried again."""
    return needs_work(request, FAILURES, [number, ""], wait_for=phone)


def count_failure(request: HttpRequest, number: str) -> None:
    for brake, key in zip(FAILURES, [number, ""], strict=True):
        brake.count(request, key)
