"""What it takes to make the list of a district anew, as each process does once a second.

    python -m bench.open_times [TURNS]

Ten clinics with six times each, of which some seats were taken since: with every clinic and time
rendered by its template, and with moulds (booking.views.cards). CPU time of this thread, by turns.
"""

import sys
import time
from dataclasses import replace

from bench.portal import median, portal


def main(turns: int) -> None:
    before, after = measure(turns)
    print(f"rendered {before:.1f} ms, with moulds {after:.1f} ms: {before / after:.1f} times")


def measure(turns: int) -> tuple[float, float]:
    """Milliseconds of CPU with every clinic rendered, and with moulds: medians."""
    with portal():
        from django.utils import translation

        from booking.finder.search import Search, find
        from booking.views import search_tool
        from booking.views.finder import _rendered_part
        from booking.views.purposes import first_dose_purpose
        from tests.crowd import open_slots
        from web import moulds

        open_slots(300, capacity=100)
        result = find(Search(region="서울특별시", district="강남구"))
        purpose = first_dose_purpose()
        context = {"found": result, "search": result.search, "purpose": purpose, "form": None}
        context |= {"conditions": [], "code": None}

        def list_again() -> float:
            result.rendered_parts.clear()
            # One seat of each clinic's first time is gone.
            for clinic in result.clinics:
                first, *others = clinic.times
                clinic.times = [replace(first, left=first.left - 1), *others]
            began = time.thread_time()
            for part in ("days", "list"):
                _rendered_part(f"booking/parts/times_{part}.html", context)
            return 1000 * (time.thread_time() - began)

        spent: dict[bool, list[float]] = {False: [], True: []}
        with translation.override("ko"):
            for _turn in range(turns):
                for with_moulds, times in spent.items():
                    moulds.enabled = with_moulds
                    if not with_moulds:
                        search_tool._kept.clear()
                    else:
                        list_again()  # the form of the search is kept from here on
                    times.append(list_again())
    return median(spent[False]), median(spent[True])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
