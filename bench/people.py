"""Invented people for the flows: their cookies, what they may book, and what is open."""

from collections.abc import Iterable


def cookies_of(person_ids: Iterable[int]) -> list[str]:
    """A sign-in cookie for each, as after the code was checked."""
    from django.http import HttpResponse

    from eligibility.sessions import COOKIE, sign_in

    cookies = []
    for person_id in person_ids:
        response = HttpResponse()
        # With a given generation sign_in needs no query for each of thousands of cookies.
        sign_in(response, person_id=person_id, generation=0)
        cookies.append(f"{COOKIE}={response.cookies[COOKIE].value}")
    return cookies


def eligible(room, count: int) -> list[int]:
    """`count` people of 강남구 who may join the room's line."""
    from django.db import connection

    from bench.portal import decide_all
    from tests.crowd import registered

    ids: list[int] = []
    # Encrypting names takes memory: some thousand at a time.
    while len(ids) < count:
        ids += [person.pk for person in registered(min(5_000, count - len(ids)))]
    with connection.cursor() as cursor:
        decide_all(cursor, room.cohort, ids[0], ids[-1])
    return ids


def admitted(count: int) -> list[int]:
    """`count` people who have entered and may book now."""
    from tests.crowd import admit
    from tests.factories import RoomFactory

    room = RoomFactory()
    return [
        admission.ticket.person_id
        for start in range(0, count, 5_000)
        for admission in admit(room, min(5_000, count - start))
    ]


def open_both() -> None:
    """Times for everybody, of a vaccine with one dose and of one with two."""
    from django.db import connection

    from tests.crowd import open_slots
    from tests.factories import VaccineFactory

    # The second dose on the next day: both doses find times in the same list.
    double = VaccineFactory(doses=2, min_days=0, best_days=1, max_days=1)
    open_slots(1000, capacity=100)
    open_slots(1000, capacity=100, vaccine=double)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def phones(count: int, first: int = 0) -> list[str]:
    return [f"010{number:08}" for number in range(20_000_000 + first, 20_000_000 + first + count)]


def broken_invariants() -> dict[str, int]:
    """Those of verify_bookings: a fast run that broke one would be worthless."""
    from booking.verifying import verify

    return {result.invariant.name: result.broken for result in verify() if result.broken}
