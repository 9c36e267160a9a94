"""Locust file of `manage.py rehearse`: every user is one person of the roster with a cookie jar.

Knows nothing of Django or the database: it sees the portal as a browser does. What each citizen
saw is written to the journal, and the command holds it against the database afterwards.
"""

import json
import os
import random
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

import gevent
from locust import FastHttpUser, events, task
from locust.env import Environment
from locust.exception import StopUser

from rehearsal.page import Page

CROWD = json.loads(Path(os.environ["REHEARSAL_CROWD"]).read_text())
JOURNAL = Path(os.environ["REHEARSAL_JOURNAL"])
SEED = int(os.environ.get("REHEARSAL_SEED", "1"))
PATIENCE_SECONDS = float(os.environ.get("REHEARSAL_PATIENCE", "900"))

PROGRESS = Path(os.environ["REHEARSAL_PROGRESS"])
PROGRESS_EVERY_SECONDS = 1.0

people = iter(CROWD)
journal: list[dict[str, Any]] = []
running = 0
stages: Counter[str] = Counter()  # how many citizens are where: the names of progress.STAGES


class GaveUp(Exception):
    """The portal did not let this citizen go on; the text says at which step."""


class Citizen(FastHttpUser):
    """Identify, join, wait, enter, choose, hold, confirm; some reload, some walk away."""

    connection_timeout = 20.0
    network_timeout = 30.0
    max_redirects = 5

    def on_start(self) -> None:
        global running
        person = next(people, None)
        if person is None:
            raise StopUser
        self.person: dict[str, Any] = person
        running += 1
        self.stage = ""
        self.dice = random.Random(f"{SEED}/{self.person['id']}")  # noqa: S311
        self.story: dict[str, Any] = {
            "person": self.person["id"],
            "outcome": "",
            "places": [],
            "retries": 0,
        }

    def move_to(self, stage: str) -> None:
        if self.stage:
            stages[self.stage] -= 1
        self.stage = stage
        stages[stage] += 1

    @task
    def whole_path(self) -> None:
        started = time.monotonic()
        try:
            self.story["outcome"] = self.walk()
        except GaveUp as trouble:
            self.story["outcome"] = "broken"
            self.story["trouble"] = str(trouble)
        self.story["seconds"] = round(time.monotonic() - started, 2)
        journal.append(self.story)
        self.move_to("through")
        self.leave()

    def leave(self) -> None:
        global running
        running -= 1
        if running == 0 and len(journal) >= len(CROWD):
            gevent.spawn(self.environment.runner.quit)
        raise StopUser

    # Requests: a browser's user presses reload when nothing comes back.

    def get(self, url: str, name: str) -> Page:
        return self.ask("GET", url, name)

    def post(self, url: str, fields: dict[str, Any], name: str) -> Page:
        return self.ask("POST", url, name, data=fields)

    def ask(self, method: str, url: str, name: str, **more: Any) -> Page:
        headers = {"Referer": f"{self.host}/", "Accept-Language": "ko"}
        for attempt in range(12):
            with self.client.request(
                method, url, name=f"{method} {name}", headers=headers, catch_response=True, **more
            ) as answer:
                # 409 and 422 are the portal's polite refusals, not failures of the portal.
                if answer.status_code in {200, 404, 409, 422}:
                    answer.success()
                    return Page(url=answer.url or url, status=answer.status_code, html=answer.text)
                answer.failure(f"{answer.status_code} {answer.error or ''}".strip())
            self.story["retries"] += 1
            gevent.sleep(min(0.5 * 2**attempt, 5) * self.dice.uniform(0.7, 1.3))
        raise GaveUp(f"no answer from {name}")

    # The path.

    def walk(self) -> str:
        self.move_to("identity")
        self.identify()
        ticket = self.join()
        self.move_to("line")
        if self.chance(0.04):
            return "gone_away"
        if not self.wait_until_called(ticket):
            return "gone_away"
        if self.chance(0.03):
            return "gone_away"
        self.enter(ticket)
        self.move_to("booking")
        return self.book()

    def identify(self) -> None:
        self.get("/", "/")
        for _attempt in range(3):
            page = self.send_code()
            if "/identity/" not in page.url:
                return
        self.stuck(page, "way past the code")

    def send_code(self) -> Page:
        page = self.get("/identity/", "/identity/")
        form = page.form(to="/identity/") or self.stuck(page, "identity form")
        facts = {key: self.person[key] for key in ("name", "birth_date", "phone")}
        page = self.post("/identity/", form.fields | facts, "/identity/")
        form = page.form(to="/identity/code/") or self.stuck(page, "code form")
        code = self.code_from(page)
        return self.post("/identity/code/", form.fields | {"code": code}, "/identity/code/")

    def code_from(self, page: Page) -> str:
        """The sample campaign shows the message on the page."""
        for _attempt in range(20):
            code = re.search(r"(?<!\d)\d{6}(?!\d)", page.text("main .jari-notice"))
            if code:
                return code[0]
            gevent.sleep(0.5)
            page = self.get("/identity/code/", "/identity/code/")
        raise GaveUp(f"no message with the code at {page.url}")

    def join(self) -> str:
        page = self.get("/eligibility/", "/eligibility/")
        join = f"/queue/{self.person['cohort']}/join/"
        form = page.form(to=join) or self.stuck(page, "join button")
        page = self.post(join, form.fields, "/queue/[cohort]/join/")
        self.note_place(page)
        return f"/queue/t/{self.story['ticket']}/"

    def note_place(self, page: Page) -> int | None:
        ticket = re.search(r"/queue/t/([0-9a-f-]{36})/", page.url)
        if ticket is None:
            self.stuck(page, "ticket page")
        if self.story.setdefault("ticket", ticket[1]) != ticket[1]:
            self.story["other_ticket"] = ticket[1]
        place = page.data("place")
        if place:
            self.story["places"].append(int(place))
        return int(place) if place else None

    def wait_until_called(self, ticket: str) -> bool:
        page = self.get(ticket, "/queue/t/[ticket]/")
        place = self.note_place(page)
        ends = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < ends:
            now = self.now_document()
            if place is None and now.get("frozen"):
                place = self.note_place(self.get(ticket, "/queue/t/[ticket]/"))
            if place is not None and now["serving"] >= place:
                return True
            gevent.sleep(float(now["poll_seconds"]) * self.dice.uniform(0.8, 1.2))
            if self.chance(0.05):
                self.note_place(self.get(ticket, "/queue/t/[ticket]/"))
            elif self.chance(0.02):
                self.take_another_device()
                self.note_place(self.get(ticket, "/queue/t/[ticket]/"))
        return False

    def now_document(self) -> dict[str, Any]:
        url = f"/queue/{self.person['cohort']}/now.json"
        for _attempt in range(12):
            with self.client.get(
                url, name="GET /queue/[cohort]/now.json", catch_response=True
            ) as a:
                if a.status_code == 200:
                    a.success()
                    document: dict[str, Any] = json.loads(a.text)
                    return document
                a.failure(str(a.status_code))
            self.story["retries"] += 1
            gevent.sleep(2)
        raise GaveUp("no answer from now.json")

    def take_another_device(self) -> None:
        """Cookies are gone; whoever signs in again must find the same place."""
        self.story["devices"] = self.story.get("devices", 1) + 1
        self.client.cookiejar.clear()
        self.identify()

    def enter(self, ticket: str) -> None:
        for _attempt in range(200):
            page = self.get(ticket, "/queue/t/[ticket]/")
            self.note_place(page)
            form = page.form(to=f"{ticket}enter/")
            if form is not None:
                page = self.post(f"{ticket}enter/", form.fields, "/queue/t/[ticket]/enter/")
                if "/booking/" in page.url:
                    return
            gevent.sleep(self.dice.uniform(1, 3))
        raise GaveUp("called, but never let in")

    def book(self) -> str:
        page = self.choose()
        if page is None:
            return "sold_out"
        if self.chance(0.03):
            return "gone_away"
        if self.chance(0.1):
            page = self.get("/booking/confirm/", "/booking/confirm/")
        form = page.form(to="/booking/confirm/") or self.stuck(page, "confirm form")
        page = self.post("/booking/confirm/", form.fields, "/booking/confirm/")
        number = re.search(r"/reservations/([^/]+)/", page.url)
        if number is None:
            self.stuck(page, "receipt")
        self.story["number"] = number[1]
        if self.chance(0.1):
            self.get(f"/reservations/{number[1]}/", "/reservations/[number]/")
        return "booked"

    def choose(self) -> Page | None:
        """Clinics of one's own district first, then anywhere; None when all is taken."""
        for _attempt in range(25):
            clinic = self.find_clinic()
            if clinic is None:
                return None
            page = self.get(clinic, "/booking/clinics/[code]/")
            holds = [form for form in page.forms() if form.action.endswith("/booking/hold/")]
            while holds:
                form = self.dice.choice(holds)
                page = self.post("/booking/hold/", form.fields, "/booking/hold/")
                if page.form(to="/booking/confirm/"):
                    return page
                self.story["lost_races"] = self.story.get("lost_races", 0) + 1
                holds = [form for form in page.forms() if form.action.endswith("/booking/hold/")]
        return None

    def find_clinic(self) -> str | None:
        page = self.get("/booking/", "/booking/")
        # Where one's own district has none: choose a region, then a district.
        for _hop in range(3):
            clinics = page.links(start="/booking/clinics/")
            if clinics:
                return self.dice.choice(clinics)
            elsewhere = page.links(start="/booking/?region=")
            if not elsewhere:
                return None
            page = self.get(self.dice.choice(elsewhere), "/booking/")
        return None

    def chance(self, share: float) -> bool:
        return self.dice.random() < share

    def stuck(self, page: Page, wanted: str) -> NoReturn:
        raise GaveUp(f"no {wanted} at {page.url}: {page.status} {page.heading()}")


@events.test_start.add_listener  # type: ignore[untyped-decorator]  # Locust has no types here
def tell_progress(environment: Environment, **_more: Any) -> None:
    gevent.spawn(write_every_second, environment)


def write_every_second(environment: Environment) -> None:
    command = os.getppid()
    while os.getppid() == command:
        write_progress(environment)
        gevent.sleep(PROGRESS_EVERY_SECONDS)
    assert environment.runner
    environment.runner.quit()  # the command was killed; nobody would end this crowd


def write_progress(environment: Environment) -> None:
    """For the command that waits; whole, so that it never reads half a file."""
    total = environment.stats.total
    state = {
        "seconds": time.time() - environment.stats.start_time,
        "stages": stages,
        "outcomes": Counter(story["outcome"] for story in journal),
        "requests": total.num_requests,
        "failures": total.num_failures,
        "per_second": total.current_rps,
    }
    unfinished = PROGRESS.with_suffix(".tmp")
    unfinished.write_text(json.dumps(state))
    unfinished.replace(PROGRESS)


@events.quitting.add_listener  # type: ignore[untyped-decorator]  # Locust has no types here
def write_journal(environment: Environment, **_more: Any) -> None:
    latencies = {
        entry.name: {
            "requests": entry.num_requests,
            "failures": entry.num_failures,
            "p50": entry.get_response_time_percentile(0.5),
            "p95": entry.get_response_time_percentile(0.95),
            "p99": entry.get_response_time_percentile(0.99),
        }
        for entry in environment.stats.entries.values()
    }
    write_progress(environment)
    JOURNAL.write_text(json.dumps({"citizens": journal, "requests": latencies}))
