"""The real portal as a browser uses it: by addresses and cookies alone."""

from datetime import timedelta

from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from eligibility.sessions import sign_in
from tests.waiting_room import scene
from waiting_room.models import Ticket


class Portal:
    def __init__(self, *, opens_in: float = -60, **room) -> None:
        opens_at = timezone.now() + timedelta(seconds=opens_in)
        self.room = scene.make_room(opens_at=opens_at, **room)
        self.people: dict[str, object] = {}

    def device(self, person: str) -> "Device":
        """A browser of this person's, who has proved who they are on it."""
        if person not in self.people:
            self.people[person] = scene.make_eligible(self.room)
        return Device(self, self.people[person])

    def stranger(self) -> "Device":
        return Device(self, None)

    def call(self, count: int) -> None:
        line = self.room.line
        line.refresh_from_db()
        scene.call(self.room, line.serving + count)

    def deliver_tick_twice(self, count: int) -> int:
        scene.tick(self.room)
        room = scene.tick(self.room)
        return room.line.serving


class Device:
    def __init__(self, portal: Portal, person) -> None:
        self.portal, self.person = portal, person
        self.client = Client(enforce_csrf_checks=False)
        if person:
            response = HttpResponse()
            sign_in(response, person_id=person.pk)
            self.client.cookies.update(response.cookies)

    def join(self) -> None:
        self.client.post(f"/queue/{self.portal.room.cohort.code}/join/")

    def ticket(self) -> Ticket | None:
        return Ticket.objects.filter(person=self.person, room=self.portal.room).first()

    def address(self) -> str:
        return f"/queue/t/{self.ticket().pk}/"

    def read(self, address: str) -> str:
        return self.client.get(address).content.decode()

    def place(self) -> int | None:
        parts = self.read(self.address()).split('data-place="')[1:]
        return int(parts[0].split('"')[0]) if parts else None

    def turn_clock(self, seconds: float) -> None:
        """Send everything by which a server could see the browser's clock."""
        browser_time = timezone.now() + timedelta(seconds=seconds)
        stamp = browser_time.strftime("%a, %d %b %Y %H:%M:%S GMT")
        self.client.defaults |= {"HTTP_DATE": stamp, "HTTP_IF_MODIFIED_SINCE": stamp}
        self.client.cookies["now"] = browser_time.isoformat()

    def drop_connection(self) -> None:
        cookies = self.client.cookies
        self.client = Client()
        self.client.cookies = cookies

    def enter(self, address: str | None = None) -> bool:
        self.client.post(f"{address or self.address()}enter/")
        return self.open("/booking/")

    def open(self, path: str) -> bool:
        """Whether the booking pages are shown at this address."""
        # PATH_INFO instead of an address: the client would read “//x” as a host name.
        path, _mark, query = path.partition("?")
        return self.client.get("/", PATH_INFO=path, QUERY_STRING=query).status_code == 200
