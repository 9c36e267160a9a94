"""When the pages of the path can be read on a line of 50 kbit/s, in Chromium's throttling.

    python -m bench.slow_line [RUNS]

Each page is opened in a browser that has nothing of the portal yet, and again in one that comes
from the waiting page; 500 ms of latency for each request, as on GPRS. Printed is the median of RUNS
(3) first contentful paints, and the bytes that came until the page was complete. Promised: home and
waiting page within 3 s, finder and confirm within 5 s.
"""

import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from bench.portal import portal, served
from launcher.browser import find_chromium

# GPRS, as in a lift or far from a mast; latency counts once for each request.
KBIT, LATENCY_MS = 50, 500
PROMISED = {"home": 3.0, "waiting page": 3.0, "finder": 5.0, "confirm": 5.0}
PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with portal(), tempfile.TemporaryDirectory() as static:
        os.environ["STATIC_ROOT"] = static
        collect(static)
        # Playwright runs an event loop in this thread, and Django would refuse our queries.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        pages = people()
        with served("shipped") as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=find_chromium(), args=["--no-sandbox"]
            )
            for name, (path, cookies) in pages.items():
                times = [measured(browser, address, path, cookies) for _ in range(runs)]
                report(name, times)
            # As on the path: the waiting page has fetched sheets and font ahead.
            waiting, _cookies = pages["waiting page"]
            for name in ("finder", "confirm"):
                path, cookies = pages[name]
                before = (waiting, pages["waiting page"][1])
                times = [measured(browser, address, path, cookies, before) for _ in range(runs)]
                report(f"{name}, after the waiting page", times, PROMISED[name])
            browser.close()


def collect(folder: str) -> None:
    """Static files, hashed and compressed, into `folder`."""
    from django.conf import settings
    from django.core.management import call_command
    from django.test.utils import override_settings

    from config.settings.base import STORAGES

    settings.STATIC_ROOT = folder
    with override_settings(STATIC_ROOT=folder, STORAGES=STORAGES):
        call_command("collectstatic", interactive=False, verbosity=0)


def people() -> dict[str, tuple[str, list[dict[str, str]]]]:
    """Each page's address, with the cookies of the person who opens it."""
    from booking.services.holds import hold_slot
    from standing.states import State
    from tests.factories import AdmissionFactory, ClinicFactory, CohortFactory, SlotFactory
    from tests.standing.scenes import SCENES

    CohortFactory(soon=True)
    CohortFactory(closed=True)
    waiting = SCENES[State.WAITING]()
    first = SlotFactory()
    for clinic in [first.clinic, *ClinicFactory.create_batch(9)]:
        for times in range(1, 7):
            SlotFactory(clinic=clinic, starts_at=first.starts_at + timedelta(minutes=10 * times))
    inside, held = AdmissionFactory(), AdmissionFactory()
    hold_slot(person_id=held.ticket.person_id, slot_id=first.pk, admission_id=held.pk)
    return {
        "home": ("/", []),
        "waiting page": (f"/queue/t/{waiting.ticket.pk}/", signed(waiting.person.pk)),
        "finder": ("/booking/", signed(inside.ticket.person_id)),
        "confirm": ("/booking/confirm/", signed(held.ticket.person_id)),
    }


def signed(person_id: int) -> list[dict[str, str]]:
    from django.http import HttpResponse

    from eligibility.sessions import COOKIE, sign_in

    response = HttpResponse()
    sign_in(response, person_id=person_id)
    return [{"name": COOKIE, "value": response.cookies[COOKIE].value}]


@contextmanager
def phone(browser: Browser) -> Iterator[BrowserContext]:
    # A new context has an empty cache, so that each page is a first visit.
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale="ko-KR")
    context.set_default_timeout(120_000)
    yield context
    context.close()


def measured(
    browser: Browser,
    address: str,
    path: str,
    cookies: list[dict[str, str]],
    before: tuple[str, list[dict[str, str]]] | None = None,
) -> tuple[float, int]:
    """Seconds until something can be read, and the bytes of everything that came."""
    with phone(browser) as context:
        page = context.new_page()
        if before:
            sign(context, address, before[1])
            page.goto(address + before[0], wait_until="networkidle")
        sign(context, address, cookies)
        # From here on: what came before was on a quick line.
        received = throttled(context, page)
        page.goto(address + path, wait_until="load")
        page.wait_for_function(PAINTED)
        return page.evaluate(PAINTED) / 1000, sum(received)


def sign(context: BrowserContext, address: str, cookies: list[dict[str, str]]) -> None:
    context.add_cookies([{**cookie, "url": address} for cookie in cookies])


def throttled(context: BrowserContext, page: Page) -> list[int]:
    """Slow the page's network down; the list takes the bytes of each answer from now on."""
    session, received = context.new_cdp_session(page), []
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda done: received.append(done["encodedDataLength"]))
    # Bytes a second; Chromium shares them between the requests that run.
    throughput = KBIT * 1000 / 8
    session.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": LATENCY_MS,
            "downloadThroughput": throughput,
            "uploadThroughput": throughput,
        },
    )
    return received


def report(name: str, times: list[tuple[float, int]], promised: float = 0.0) -> None:
    seconds = statistics.median(time for time, _size in times)
    promised = promised or PROMISED[name]
    verdict = "kept" if seconds <= promised else "BROKEN"
    print(
        f"{name}: readable after {seconds:.1f} s (promised {promised:.0f}, {verdict}), "
        f"{statistics.median(size for _time, size in times) / 1000:.1f} kB in all"
    )


if __name__ == "__main__":
    main()
