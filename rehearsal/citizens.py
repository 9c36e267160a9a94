"""Locust file of `manage.py rehearse`: each user is one person of the roster with a cookie jar.

It uses HTTP only, no Django and no database, as a browser does. Each citizen's record goes to the
journal, which the command compares with the database afterwards.
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

# Locust loads this file in a process of its own: the command passes everything by environment.
CROWD = json.loads(Path(os.environ["REHEARSAL_CROWD"]).read_text())
JOURNAL = Path(os.environ["REHEARSAL_JOURNAL"])
SEED = int(os.environ.get("REHEARSAL_SEED", "1"))
PATIENCE_SECONDS = float(os.environ.get("REHEARSAL_PATIENCE", "900"))

PROGRESS = Path(os.environ["REHEARSAL_PROGRESS"])
PROGRESS_EVERY_SECONDS = 1.0

people = iter(CROWD)
journal: list[dict[str, Any]] = []
running = 0
stages: Counter[str] = Counter()  # citizens by stage (progress.STAGES)


class CitizenStuck(Exception):
    """The portal did not let this citizen go on; the message names the step."""


class Citizen(FastHttpUser):
    """Identify, join, wait, enter, choose, hold, confirm; some reload, some leave."""

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
        # Seeded by the person, so that a run is repeatable whatever the order of greenlets.
        self.random = random.Random(f"{SEED}/{self.person['id']}")  # noqa: S311
        self.record: dict[str, Any] = {
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
    def visit(self) -> None:
        started = time.monotonic()
        try:
            self.record["outcome"] = self.follow_path()
        except CitizenStuck as problem:
            self.record["outcome"] = "broken"
            self.record["trouble"] = str(problem)
        self.record["seconds"] = round(time.monotonic() - started, 2)
        journal.append(self.record)
        self.move_to("through")
        self.finish()

    def finish(self) -> None:
        global running
        running -= 1
        if running == 0 and len(journal) >= len(CROWD):
            # In another greenlet: quitting waits for this one to end.
            gevent.spawn(self.environment.runner.quit)
        raise StopUser

    def get(self, url: str, name: str) -> Page:
        return self.request("GET", url, name)

    def post(self, url: str, fields: dict[str, Any], name: str) -> Page:
        return self.request("POST", url, name, data=fields)

    def request(self, method: str, url: str, name: str, **options: Any) -> Page:
        """One page; repeated with backoff, as a person presses reload. Raises CitizenStuck."""
        headers = {"Referer": f"{self.host}/", "Accept-Language": "ko"}
        for attempt in range(12):
            with self.client.request(
                method,
                url,
                name=f"{method} {name}",
                headers=headers,
                catch_response=True,
                **options,
            ) as response:
                # 409 and 422 are refusals with a page, not failures of the portal.
                if response.status_code in {200, 404, 409, 422}:
                    response.success()
                    return Page(
                        url=response.url or url, status=response.status_code, html=response.text
                    )
                response.failure(f"{response.status_code} {response.error or ''}".strip())
            self.record["retries"] += 1
            gevent.sleep(min(0.5 * 2**attempt, 5) * self.random.uniform(0.7, 1.3))
        raise CitizenStuck(f"no answer from {name}")

    def follow_path(self) -> str:
        """The whole path of one citizen; returns the outcome.

        The shares of those who leave are round guesses, enough to exercise holds and admissions
        that run out.
        """
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
        """The code from the page, where a sample campaign shows the message."""
        for _attempt in range(20):
            code = re.search(r"(?<!\d)\d{6}(?!\d)", page.text("main .jari-notice"))
            if code:
                return code[0]
            gevent.sleep(0.5)
            page = self.get("/identity/code/", "/identity/code/")
        raise CitizenStuck(f"no message with the code at {page.url}")

    def join(self) -> str:
        page = self.get("/eligibility/", "/eligibility/")
        join = f"/queue/{self.person['cohort']}/join/"
        form = page.form(to=join) or self.stuck(page, "join button")
        page = self.post(join, form.fields, "/queue/[cohort]/join/")
        self.record_place(page)
        return f"/queue/t/{self.record['ticket']}/"

    def record_place(self, page: Page) -> int | None:
        """Record ticket and place of a ticket page; findings.examine compares them."""
        ticket = re.search(r"/queue/t/([0-9a-f-]{36})/", page.url)
        if ticket is None:
            self.stuck(page, "ticket page")
        if self.record.setdefault("ticket", ticket[1]) != ticket[1]:
            self.record["other_ticket"] = ticket[1]
        place = page.data("place")
        if place:
            self.record["places"].append(int(place))
        return int(place) if place else None

    def wait_until_called(self, ticket: str) -> bool:
        """Poll as the page's script does; False after the citizen's patience."""
        page = self.get(ticket, "/queue/t/[ticket]/")
        place = self.record_place(page)
        ends = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < ends:
            now = self.now_document()
            if place is None and now.get("frozen"):
                place = self.record_place(self.get(ticket, "/queue/t/[ticket]/"))
            if place is not None and now["serving"] >= place:
                return True
            # The interval is the portal's, the spread that of the page's script.
            gevent.sleep(float(now["poll_seconds"]) * self.random.uniform(0.8, 1.2))
            if self.chance(0.05):
                self.record_place(self.get(ticket, "/queue/t/[ticket]/"))
            elif self.chance(0.02):
                self.change_device()
                self.record_place(self.get(ticket, "/queue/t/[ticket]/"))
        return False

    def now_document(self) -> dict[str, Any]:
        url = f"/queue/{self.person['cohort']}/now.json"
        for _attempt in range(12):
            with self.client.get(
                url, name="GET /queue/[cohort]/now.json", catch_response=True
            ) as response:
                if response.status_code == 200:
                    response.success()
                    document: dict[str, Any] = json.loads(response.text)
                    return document
                response.failure(str(response.status_code))
            self.record["retries"] += 1
            gevent.sleep(2)
        raise CitizenStuck("no answer from now.json")

    def change_device(self) -> None:
        """Drop the cookies and sign in again: the ticket and place must be the same."""
        self.record["devices"] = self.record.get("devices", 1) + 1
        self.client.cookiejar.clear()
        self.identify()

    def enter(self, ticket: str) -> None:
        # The door may be full: the page then has no form yet.
        for _attempt in range(200):
            page = self.get(ticket, "/queue/t/[ticket]/")
            self.record_place(page)
            form = page.form(to=f"{ticket}enter/")
            if form is not None:
                page = self.post(f"{ticket}enter/", form.fields, "/queue/t/[ticket]/enter/")
                if "/booking/" in page.url:
                    return
            elif "/booking/" in page.links(start="/booking/"):
                return  # inside already
            gevent.sleep(self.random.uniform(1, 3))
        raise CitizenStuck("called, but never let in")

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
        self.record["number"] = number[1]
        if self.chance(0.1):
            self.get(f"/reservations/{number[1]}/", "/reservations/[number]/")
        return "booked"

    def choose(self) -> Page | None:
        """Hold a slot and return its page; None when everything is taken."""
        for _attempt in range(25):
            clinic = self.find_clinic()
            if clinic is None:
                return None
            page = self.get(clinic, "/booking/clinics/[code]/")
            holds = [form for form in page.forms() if form.action.endswith("/booking/hold/")]
            # The page after a lost race offers other slots, which are tried before another clinic.
            while holds:
                form = self.random.choice(holds)
                page = self.post("/booking/hold/", form.fields, "/booking/hold/")
                if page.form(to="/booking/confirm/"):
                    return page
                self.record["lost_races"] = self.record.get("lost_races", 0) + 1
                holds = [form for form in page.forms() if form.action.endswith("/booking/hold/")]
        return None

    def find_clinic(self) -> str | None:
        page = self.get("/booking/", "/booking/")
        # If the own district has no clinics: choose a region, then a district.
        for _hop in range(3):
            clinics = page.links(start="/booking/clinics/")
            if clinics:
                return self.random.choice(clinics)
            regions = page.links(start="/booking/?region=")
            if not regions:
                return None
            page = self.get(self.random.choice(regions), "/booking/")
        return None

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def stuck(self, page: Page, missing: str) -> NoReturn:
        raise CitizenStuck(f"no {missing} at {page.url}: {page.status} {page.heading()}")


@events.test_start.add_listener  # type: ignore[untyped-decorator]  # Locust has no types here
def start_progress_writer(environment: Environment, **_options: Any) -> None:
    gevent.spawn(write_every_second, environment)


def write_every_second(environment: Environment) -> None:
    command = os.getppid()
    # When the command dies, this process gets another parent.
    while os.getppid() == command:
        write_progress(environment)
        gevent.sleep(PROGRESS_EVERY_SECONDS)
    assert environment.runner
    environment.runner.quit()  # the command was killed and can't end this process


def write_progress(environment: Environment) -> None:
    """Write the state for the command; renamed into place, so that it never reads half a file."""
    total = environment.stats.total
    state = {
        "seconds": time.time() - environment.stats.start_time,
        "stages": stages,
        "outcomes": Counter(record["outcome"] for record in journal),
        "requests": total.num_requests,
        "failures": total.num_failures,
        "per_second": total.current_rps,
    }
    unfinished = PROGRESS.with_suffix(".tmp")
    unfinished.write_text(json.dumps(state))
    unfinished.replace(PROGRESS)


@events.quitting.add_listener  # type: ignore[untyped-decorator]  # Locust has no types here
def write_journal(environment: Environment, **_options: Any) -> None:
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
