"""One citizen of a rehearsal: a person of the roster who goes the whole way over HTTP.

No Django and no database: a citizen knows what its browser was told, and each promise that it
was told goes to the journal at once. The command compares them with the database afterwards.
"""

import asyncio
import json
import random
import re
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NoReturn

from rehearsal.browser import Browser, NoAnswer, Target
from rehearsal.journal import Asked, PageCount, Writer, step_of
from rehearsal.page import Page

# 409 and 422 are refusals with a page, not failures of the portal.
PAGES = {200, 403, 404, 409, 422}
IDLE_SECONDS = 5.0  # a connection that is not needed for longer is closed


class CitizenStuck(Exception):
    """The portal did not let this citizen go on; the message names the step."""


@dataclass
class Crowd:
    """What all citizens of a process share."""

    targets: Sequence[Target]
    journal: Writer
    began: float  # of the monotonic clock
    seed: int
    patience: float
    away: float
    think: float
    stages: Counter[str] = field(default_factory=Counter)
    # Both since the last second.
    pages: dict[str, PageCount] = field(default_factory=dict)
    hosts: dict[str, Asked] = field(default_factory=dict)

    def now(self) -> float:
        return time.monotonic() - self.began

    def count(self, page: str, seconds: float, *, failed: bool, host: str) -> None:
        entry = self.pages.setdefault(page, PageCount())
        entry.requests += 1
        entry.failures += failed
        entry.steps[step_of(seconds * 1000)] += 1
        self.hosts.setdefault(host, Asked()).add(1, failed)


class Citizen:
    """Identifies, joins, waits, enters, chooses, holds, confirms, as its behaviours say."""

    def __init__(self, crowd: Crowd, person: dict[str, Any]) -> None:
        self.crowd, self.person = crowd, person
        self.behaviours: set[str] = set(person["behaviours"])
        # Seeded by the person: a run is repeatable whatever the order of answers.
        self.random = random.Random(f"{crowd.seed}/{person['id']}")  # noqa: S311
        self.stage = ""
        self.counts: Counter[str] = Counter()  # retries, nodes, devices, lost races
        self.asked_to_wait = 0.0  # seconds, by the last refusal
        self.ticket = ""
        self.place: int | None = None
        self.node = int(person["id"]) % len(crowd.targets)
        self.browser = self.new_browser()

    def new_browser(self) -> Browser:
        target = self.crowd.targets[self.node]
        return Browser(target, address=self.address(target))

    def go_to_next_node(self) -> None:
        """As a browser tries the next address of a name, and a balancer takes a node out."""
        if len(self.crowd.targets) > 1:
            self.counts["nodes"] += 1
            self.node = (self.node + 1) % len(self.crowd.targets)
            target = self.crowd.targets[self.node]
            self.browser.move_to(target, address=self.address(target))

    def address(self, target: Target) -> str | None:
        """People come from many addresses; loopback has enough of them."""
        if not target.is_loopback:
            return None
        number = int(self.person["id"]) % 2000
        return f"127.0.{1 + number // 250}.{1 + number % 250}"

    async def run(self) -> None:
        started = self.crowd.now()
        trouble: dict[str, str] = {}
        self.note("came")
        try:
            outcome = await self.follow_path()
        except CitizenStuck as problem:
            outcome, trouble = "broken", {"trouble": str(problem)}
        except (ValueError, KeyError) as problem:  # a page that no citizen could read
            outcome, trouble = "broken", {"trouble": f"{type(problem).__name__}: {problem}"}
        finally:
            self.browser.close()
        seconds = round(self.crowd.now() - started, 2)
        self.note("end", outcome=outcome, seconds=seconds, **self.counts, **trouble)
        self.move_to("through")

    def note(self, event: str, **values: Any) -> None:
        self.crowd.journal.write(event, self.crowd.now(), person=self.person["id"], **values)

    def move_to(self, stage: str) -> None:
        if self.stage:
            self.crowd.stages[self.stage] -= 1
        self.stage = stage
        self.crowd.stages[stage] += 1

    # What the browser does.

    async def get(self, path: str, name: str) -> Page:
        return await self.request("GET", path, name)

    async def post(self, path: str, fields: dict[str, str], name: str) -> Page:
        return await self.request("POST", path, name, fields)

    async def request(
        self, method: str, path: str, name: str, fields: dict[str, str] | None = None
    ) -> Page:
        """One page; repeated as a person presses reload, who hardly waits as long as a busy portal
        asks. Raises CitizenStuck when their patience is over."""
        ends, seconds = self.crowd.now() + self.crowd.patience, 0.5
        while True:
            page = await self.try_once(self.browser, method, path, name, fields)
            if page is not None:
                return page
            if self.crowd.now() > ends:
                raise CitizenStuck(f"no answer from {name}")
            self.counts["retries"] += 1
            self.go_to_next_node()
            asked = self.asked_to_wait * self.random.uniform(0.3, 1.1)
            await self.sleep(asked or seconds * self.random.uniform(0.7, 1.3))
            seconds = min(seconds * 2, 5)

    async def try_once(
        self, browser: Browser, method: str, path: str, name: str,
        fields: dict[str, str] | None = None,
    ) -> Page | None:  # fmt: skip
        """One request; None if it failed."""
        began = time.monotonic()
        page = None
        with suppress(NoAnswer):
            page = await browser.request(method, path, fields)
        is_page = page is not None and page.status in PAGES
        self.asked_to_wait = page.retry_after if page and not is_page else 0.0
        seconds = time.monotonic() - began
        self.crowd.count(f"{method} {name}", seconds, failed=not is_page, host=browser.target.name)
        return page if is_page else None

    async def sleep(self, seconds: float) -> None:
        if seconds > IDLE_SECONDS:
            self.browser.close()
        await asyncio.sleep(seconds)

    async def pause(self) -> None:
        """Time in which a person reads and thinks."""
        if self.crowd.think:
            await self.sleep(self.crowd.think * self.random.uniform(0.5, 1.5))

    # The way.

    async def follow_path(self) -> str:
        """The whole path; returns the outcome."""
        self.move_to("identity")
        await self.identify()
        if "wrong_cohort" in self.behaviours:
            return await self.try_other_cohort()
        await self.join()
        self.move_to("line")
        if "leaves" in self.behaviours:
            await self.sleep(self.random.uniform(0, self.crowd.away))
            return "gone_away"
        if "clock_changed" in self.behaviours:
            await self.press_early()
        if not await self.wait_until_called():
            return "waited_out"
        self.note("called")
        if "away_when_called" in self.behaviours:
            await self.sleep(self.crowd.away)
        await self.enter()
        self.note("entered")
        self.move_to("booking")
        return await self.book()

    async def identify(self) -> None:
        await self.get("/", "/")
        for _attempt in range(3):
            page = await self.send_code()
            if "/identity/" not in page.url:
                return
        self.stuck(page, "way past the code")

    async def send_code(self) -> Page:
        page = await self.get("/identity/", "/identity/")
        form = page.form(to="/identity/") or self.stuck(page, "identity form")
        facts = {key: self.person[key] for key in ("name", "birth_date", "phone")}
        page = await self.post("/identity/", form.fields | facts, "/identity/")
        form = page.form(to="/identity/code/") or self.stuck(page, "code form")
        code = await self.code_from(page)
        return await self.post("/identity/code/", form.fields | {"code": code}, "/identity/code/")

    async def code_from(self, page: Page) -> str:
        """The code from the page, where a sample campaign shows the message."""
        for _attempt in range(60):
            code = re.search(r"(?<!\d)\d{6}(?!\d)", page.text("main .jari-notice"))
            if code:
                return code[0]
            await self.sleep(0.5)
            page = await self.get("/identity/code/", "/identity/code/")
        raise CitizenStuck("no message with the code came")

    async def join(self) -> None:
        page = await self.get("/eligibility/", "/eligibility/")
        join = f"/queue/{self.person['cohort']}/join/"
        form = page.form(to=join) or self.stuck(page, "join button")
        self.record_place(await self.post(join, form.fields, "/queue/[cohort]/join/"))

    async def try_other_cohort(self) -> str:
        """Join a line that is not for this person: the portal must refuse."""
        page = await self.get("/eligibility/", "/eligibility/")
        join = f"/queue/{self.person['cohort']}/join/"
        page = await self.post(join, self.token(page), "/queue/[cohort]/join/")
        if "/queue/t/" in page.url:
            self.note("jumped", how="joined a line of another cohort")
        return "refused"

    async def press_early(self) -> None:
        """Send the form of those who are called, as a script or a wrong clock would show it."""
        now = await self.now_document()
        if self.place is None or now["serving"] >= self.place:
            return
        page = await self.get(self.ticket, "/queue/t/[ticket]/")
        # Refused, or called in between: findings compares who entered with the calls.
        await self.post(f"{self.ticket}enter/", self.token(page), "/queue/t/[ticket]/enter/")

    def token(self, page: Page) -> dict[str, str]:
        """What a form of this browser has besides its fields."""
        for form in page.forms():
            if "csrfmiddlewaretoken" in form.fields:
                return {"csrfmiddlewaretoken": form.fields["csrfmiddlewaretoken"]}
        cookies = self.browser.cookies.items()
        value = next((value for name, value in cookies if name.endswith("csrftoken")), "")
        return {"csrfmiddlewaretoken": value}

    def record_place(self, page: Page) -> None:
        """Journal ticket and place of a ticket page; findings.examine compares them."""
        ticket = re.search(r"/queue/t/([0-9a-f-]{36})/", page.url)
        if ticket is None:
            self.stuck(page, "ticket page")
        place = page.data("place")
        shown = int(place) if place else None
        path = f"/queue/t/{ticket[1]}/"
        # Once for each thing that was said: pages that repeat it are no further promise.
        if path != self.ticket or shown != self.place:
            self.note("place", ticket=ticket[1], place=shown)
        self.ticket, self.place = path, shown if shown is not None else self.place

    async def look(self) -> Page:
        page = await self.get(self.ticket, "/queue/t/[ticket]/")
        self.record_place(page)
        return page

    async def wait_until_called(self) -> bool:
        """Poll as the page's script does; False after the citizen's patience."""
        await self.look()
        ends = self.crowd.now() + self.crowd.patience
        polls = 0
        while self.crowd.now() < ends:
            now = await self.now_document()
            if self.place is None and now.get("frozen"):
                await self.look()
            if self.place is not None and now["serving"] >= self.place:
                return True
            polls += 1
            await self.wait_in_line(float(now["poll_seconds"]), polls)
        return False

    async def wait_in_line(self, poll_seconds: float, polls: int) -> None:
        # The interval is the portal's, the spread that of the page's script.
        spread = self.random.uniform(0.8, 1.2)
        if "refresh_often" in self.behaviours:
            await self.sleep(poll_seconds * spread / 2)
            await self.look()
            return
        await self.sleep(poll_seconds * spread)
        if polls == 2 and "lose_cookie" in self.behaviours:
            self.browser.cookies.clear()
            await self.come_back()
        elif polls == 3 and "other_device" in self.behaviours:
            self.browser.close()
            # Another node of the portal too, where there are several.
            self.node = (self.node + 1) % len(self.crowd.targets)
            self.browser = self.new_browser()
            await self.come_back()
        elif self.random.random() < 0.05:
            await self.look()

    async def come_back(self) -> None:
        """Sign in again: ticket and place must be the same."""
        self.counts["devices"] += 1
        await self.identify()
        await self.look()

    async def now_document(self) -> dict[str, Any]:
        page = await self.get(
            f"/queue/{self.person['cohort']}/now.json", "/queue/[cohort]/now.json"
        )
        document: dict[str, Any] = json.loads(page.html)
        return document

    async def enter(self) -> None:
        # The door may be full: the page then has no form yet.
        ends = self.crowd.now() + self.crowd.patience
        while self.crowd.now() < ends:
            page = await self.look()
            form = page.form(to=f"{self.ticket}enter/")
            if form is not None:
                page = await self.post(
                    f"{self.ticket}enter/", form.fields, "/queue/t/[ticket]/enter/"
                )
                if "/booking/" in page.url:
                    return
            elif "/booking/" in page.links(start="/booking/"):
                return  # inside already
            await self.sleep(self.random.uniform(1, 3))
        raise CitizenStuck("called, but never let in")

    async def book(self) -> str:
        page = await self.choose()
        if page is None:
            return "sold_out"
        self.note("held")
        if "abandon_hold" in self.behaviours:
            return "gone_away"
        await self.pause()
        if self.random.random() < 0.1:
            page = await self.get("/booking/confirm/", "/booking/confirm/")
        form = page.form(to="/booking/confirm/") or self.stuck(page, "confirm form")
        other = None
        if "double_submit" in self.behaviours:
            tab = self.browser.second_tab()
            other = asyncio.ensure_future(
                self.try_once(tab, "POST", "/booking/confirm/", "/booking/confirm/", form.fields)
            )
        page = await self.post("/booking/confirm/", form.fields, "/booking/confirm/")
        if other is not None:
            self.record_receipt(await other)
            tab.close()
        if not self.record_receipt(page):
            self.stuck(page, "receipt")
        return "booked"

    def record_receipt(self, page: Page | None) -> bool:
        number = re.search(r"/reservations/([^/?]+)/", page.url) if page else None
        if number:
            self.note("booked", number=number[1])
        return bool(number)

    async def choose(self) -> Page | None:
        """Hold a slot and return its page; None when everything is taken."""
        for _attempt in range(25):
            clinic = await self.find_clinic()
            if clinic is None:
                return None
            await self.pause()
            page = await self.get(clinic, "/booking/clinics/[code]/")
            holds = _forms_to_hold(page)
            # The page after a lost race offers other slots, which are tried before another clinic.
            while holds:
                await self.pause()
                form = self.random.choice(holds)
                page = await self.post("/booking/hold/", form.fields, "/booking/hold/")
                if page.form(to="/booking/confirm/"):
                    return page
                self.counts["lost_races"] += 1
                holds = _forms_to_hold(page)
        return None

    async def find_clinic(self) -> str | None:
        page = await self.get("/booking/", "/booking/")
        # If the own district has no clinics: choose a region, then a district.
        for _hop in range(3):
            clinics = page.links(start="/booking/clinics/")
            if clinics:
                return self.random.choice(clinics)
            regions = page.links(start="/booking/?region=")
            if not regions:
                return None
            page = await self.get(self.random.choice(regions), "/booking/")
        return None

    def stuck(self, page: Page, missing: str) -> NoReturn:
        raise CitizenStuck(f"no {missing} at {_pattern(page.url)}: {page.status} {page.heading()}")


def _forms_to_hold(page: Page) -> list[Any]:
    return [form for form in page.forms() if form.action.endswith("/booking/hold/")]


def _pattern(path: str) -> str:
    """A path without what is of one person, so that equal troubles are counted together."""
    return re.sub(r"/t/[0-9a-f-]{36}/", "/t/[ticket]/", path.partition("?")[0])
