"""Rate limits of the lookup by reservation number and phone.

The number can't be guessed, but the phone to a known number could be. Failures are counted;
above a limit the browser does a short proof of work or waits a minute, so that nobody is locked
out by the failures of others.
"""

from django.http import HttpRequest

from eligibility.brakes import Brake, needs_work

FAILURES = [
    # Failures by number, and by the caller's network ("" for all unknown ones).
    Brake("lookup.number", "10/10m"),
    Brake("lookup.source", "100/10m"),
]


def look_up_is_slowed(request: HttpRequest, number: str, phone: str) -> bool:
    """True if a proof of work is due before this number may be tried again."""
    return needs_work(request, FAILURES, [number, ""], wait_for=phone)


def count_failure(request: HttpRequest, number: str) -> None:
    for brake, key in zip(FAILURES, [number, ""], strict=True):
        brake.count(request, key)
