"""Races on real connections."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection


def at_once(calls: Sequence[Callable[[], Any]], *, patience: float = 30) -> list[Any]:
    """Start every call in a thread and connection of its own behind one barrier.

    The results, or the exceptions raised, in the order of the calls. The test that uses it must
    see committed rows: `@pytest.mark.django_db(transaction=True)`.
    """
    barrier = threading.Barrier(len(calls))
    outcomes: list[Any] = [None] * len(calls)

    def run(place: int, call: Callable[[], Any]) -> None:
        try:
            # Connecting takes longer than many a race: it happens before the start.
            connection.ensure_connection()
            barrier.wait(patience)
            outcomes[place] = call()
        except Exception as error:
            outcomes[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(patience)
    assert not any(thread.is_alive() for thread in threads), "A call of the race never ended."
    return outcomes
