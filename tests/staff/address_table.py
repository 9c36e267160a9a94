"""Requests every address of the portal as every kind of user, for tests/staff/addresses.tsv.

`python -m launcher test -- tests/staff/test_address_table.py` compares; with JARI_WRITE_TABLE=1 it
rewrites the file, whose changes are to be reviewed line by line.
"""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from http.cookies import SimpleCookie
from pathlib import Path

from django.contrib import admin
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from booking.models import Clinic, OutsideDose, Stock
from bulk.models import Upload
from eligibility.models import CohortChange, Correction, Decision, Review, RosterUpload
from messaging.models import Message
from staff.accounts import request_role
from staff.enums import Act, Role, Step
from staff.models import Access, LogInFailure
from tests.booking.closures import close, slot_at
from tests.booking.visits import care_home, planned_visit
from tests.factories import (
    ClinicFactory,
    PersonFactory,
    ReservationFactory,
    SlotFactory,
    StaffFactory,
)
from tests.staff.signing_in import StaffClient
from vaccination.models import Recall
from vaccination.services.lots import receive_lot
from vaccination.services.questionnaire_versions import open_draft

FILE = Path(__file__).with_name("addresses.tsv")
NOBODY = "anonymous"
KINDS = [NOBODY, *Role.values, "no role", "superuser"]
# Served from files by the web server in production.
_LEFT_OUT = ("static/",)
_ARGUMENT = re.compile(r"<(?:(\w+):)?(\w+)>|\(\?P<(\w+)>[^)]*\)\??")


def routes() -> list[str]:
    """Every route of the urlconf, once, in the order in which Django tries them; then each look-up
    of rows that a form of the admin has or might have."""
    unique = dict.fromkeys(_walk(get_resolver(), ""))
    return [*(route for route in unique if not route.startswith(_LEFT_OUT)), *look_ups()]


def look_ups() -> list[str]:
    """The autocompletion of each relation between models of the admin."""
    models = {model for model in admin.site._registry if model._meta.managed}
    asked = {
        f"app_label={model._meta.app_label}&model_name={model._meta.model_name}"
        f"&field_name={field.name}"
        for model in models
        for field in model._meta.get_fields()
        if field.concrete and field.is_relation and field.related_model in models
    }
    return [f"admin/autocomplete/?{query}" for query in sorted(asked)]


def _walk(resolver: URLResolver, before: str) -> Iterator[str]:
    for part in resolver.url_patterns:
        route = before + str(part.pattern)
        if isinstance(part, URLPattern):
            yield route
        else:
            yield from _walk(part, route)


def address_of(route: str, rows: dict[str, object]) -> str:
    """An address of the route, with ids of existing rows as far as there are any."""
    if "/?app_label=" in route:
        return f"/{route}"
    parts = route.split("/")
    model = ".".join(parts[1:3]) if route.startswith("admin/") else ""

    def fill(match: re.Match) -> str:
        name = match[2] or match[3]
        if name in ("object_id", "pk") and model in rows:
            return str(rows[model])
        if name in rows:
            return str(rows[name])
        if match[1] == "int":
            return "0"
        if match[1] == "uuid":
            return "00000000-0000-4000-8000-000000000000"
        return "nobody"

    text = _ARGUMENT.sub(fill, route)
    return "/" + text.replace("^", "").replace("$", "").replace("/?", "/").replace("\\", "")


def scene(clinic: Clinic | None = None) -> tuple[dict, dict]:
    """(one user of each kind, a row of each model that can be opened), at this clinic if given."""
    clinic = clinic or ClinicFactory(region="서울특별시", district="강남구")
    slot = SlotFactory(clinic=clinic)
    person = PersonFactory(region="서울특별시", district="강남구")
    reservation = ReservationFactory(slot=slot, person=person)
    ticket = person.tickets.get()
    cohort = ticket.room.cohort
    workplaces = {
        Role.CLINIC: {"clinic": clinic},
        Role.MANAGER: {"clinic": clinic},
        Role.LOCAL: {"region": "서울특별시"},
    }
    users = {role.value: StaffFactory(role=role, **workplaces.get(role, {})) for role in Role}
    users |= {"no role": StaffFactory(role=""), "superuser": StaffFactory(superuser=True)}
    now, today = timezone.now(), timezone.localdate()
    other = StaffFactory(role=Role.CLINIC, clinic=clinic)
    lot = receive_lot(
        clinic=clinic,
        vaccine=slot.vaccine,
        number="X1",
        expires_on=today + timedelta(days=90),
        doses=5,
        by="staff:1",
    )
    visit = planned_visit(home=care_home(clinic=clinic), vaccine=slot.vaccine)
    objects = {
        "vaccination.lot": lot,
        "vaccination.questionnaire": open_draft(by="staff:1"),
        "vaccination.recall": Recall.objects.create(
            vaccine=slot.vaccine, lot_number="X1", clinic=clinic, text_ko="x", by="staff:1"
        ),
        "booking.clinic": clinic,
        "booking.slot": slot,
        "booking.vaccine": slot.vaccine,
        "booking.reservation": reservation,
        "booking.stock": Stock.objects.create(
            clinic=clinic, vaccine=slot.vaccine, on=today + timedelta(days=9), doses=5
        ),
        "booking.outsidedose": OutsideDose.objects.create(
            person=PersonFactory(region="서울특별시"),
            vaccine=slot.vaccine,
            dose=1,
            given_on=date(2026, 1, 5),
            by=f"staff:{other.pk}",
        ),
        "booking.carehome": visit.slot.home,
        "booking.homevisit": visit,
        "eligibility.person": person,
        "eligibility.cohort": cohort,
        "eligibility.decision": Decision.objects.get(person=person),
        "eligibility.cohortchange": CohortChange.objects.create(
            cohort=cohort, values={"priority": 1}, takes_effect_at=now, by="staff:1"
        ),
        "eligibility.review": Review.objects.create(
            person=person, cohort=cohort, reason="birth", opened_at=now
        ),
        "eligibility.correction": Correction.objects.create(
            person=person, field="name", wanted="김시험", opened_at=now
        ),
        "eligibility.rosterupload": RosterUpload.objects.create(file="x.csv", by="staff:1"),
        "waiting_room.room": ticket.room,
        "waiting_room.ticket": ticket,
        "messaging.message": Message.objects.order_by("pk").first(),
        "staff.user": other,
        "staff.access": Access.objects.create(user=other, act=Act.LIST, what="x", people=[1]),
        "staff.loginfailure": LogInFailure.objects.create(
            user=other, name_index="x", step=Step.CODE
        ),
        "staff.rolerequest": request_role(
            user=StaffFactory(role=""), by=other, role=Role.LOCAL, region="서울특별시", reason="x"
        ),
    }
    objects["bulk.upload"] = Upload.objects.create(
        kind="slots", file="x.csv", language="ko", user=users[Role.MANAGER]
    )
    rows = {label: row.pk for label, row in objects.items() if row is not None}
    return users, {
        **rows,
        "code": cohort.code,
        "number": reservation.number,
        "reservation_id": reservation.pk,
        "closure": close(slot_at(slot, 5)).pk,
        "app_label": "booking",
    }


def asked(kind: str, users: dict, rows: dict) -> tuple[dict[str, str], dict[str, int]]:
    """For each route how GET and POST are answered, and how many statements a page needs;
    whatever they did is undone after each."""
    client = StaffClient(raise_request_exception=False)
    if kind != NOBODY:
        client.force_login(users[kind])
    cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    answers, statements = {}, {}
    for route in routes():
        if kind != NOBODY and not route.startswith("admin/"):
            continue  # who is signed in as staff is nobody there: a test of its own
        both = []
        for method in ("get", "post"):
            client.cookies = SimpleCookie(cookies)
            connection.queries_log.clear()  # it is full after 9,000 and warns
            with transaction.atomic(), CaptureQueriesContext(connection) as queries:
                both.append(_class(getattr(client, method)(address_of(route, rows))))
                transaction.set_rollback(True)
            if (method, both[-1]) == ("get", "200"):
                made = [query for query in queries if "SAVEPOINT" not in query["sql"]]
                statements[route] = len(made)
        answers[route] = " ".join(both)
    return answers, statements


def _class(answer) -> str:
    if answer.streaming:
        # Closes the files only: answer.close() would close the test's database connection too.
        for close in answer._resource_closers:
            close()
    if answer.status_code in (301, 302) and answer.url.startswith("/admin/login/"):
        return "login"
    return str(answer.status_code)


def table() -> dict[str, dict[str, str]]:
    """The file's content: route → kind of user → answers."""
    head, *lines = FILE.read_text(encoding="utf-8").splitlines()
    kinds = head.split("\t")[1:]
    rows = [line.split("\t") for line in lines]
    return {route: dict(zip(kinds, cells, strict=True)) for route, *cells in rows}


def write(answers: dict[str, dict[str, str]]) -> None:
    lines = ["\t".join(["route (GET POST)", *KINDS])]
    lines += [
        "\t".join([route, *(answers[kind].get(route, "–") for kind in KINDS)]) for route in routes()
    ]
    FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")
