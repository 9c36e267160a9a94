"""No address answers 500, whatever is sent, and none answers nothing.

Pages are opened as everybody who may see them: citizens on each step of their way, each role of
the staff. What their forms and links would send is changed field by field, and goes through the
web server's own bridge. JARI_FUZZ_SECONDS says for how long (30 unless it says otherwise, an hour
before a release), beside the time to open the pages. A failure prints the request, and the seed,
which JARI_FUZZ_SEED repeats; JARI_FUZZ_ROUTE="booking/list/" tries only routes with this in them.
"""

import os
import random
import sys
import time
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import connection

from tests.promises.fuzzing.campaign import Campaign
from tests.promises.fuzzing.pages import Learner, addresses
from tests.promises.fuzzing.states import Citizens, State, staff_states
from tests.promises.fuzzing.wire import Wire
from tests.staff import address_table

pytestmark = pytest.mark.django_db

SECONDS = float(os.environ.get("JARI_FUZZ_SECONDS", "30"))
SEED = int(os.environ.get("JARI_FUZZ_SEED") or time.time_ns() % 2**32)
ONLY = os.environ.get("JARI_FUZZ_ROUTE", "")
# With less time than that each of the staff's pages is opened by one of those who may.
EVERY_ROLE_SECONDS = 300


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch, clock, settings, tmp_path) -> Iterator[Wire]:
    settings.HOME = tmp_path
    clock.freeze()  # nothing runs out, however long it goes on
    with connection.cursor() as cursor:
        # On a busy machine Hypothesis may think longer between two requests.
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    wire = Wire(monkeypatch)
    yield wire
    wire.close()


def report(campaign: Campaign) -> str:
    texts = [f"{name}\n  {text}" for name, text in campaign.failures.items()]
    first = f"JARI_FUZZ_SEED={SEED}: {campaign.sent} requests to {len(campaign.reached)} routes"
    return "\n\n".join([first, *texts])


def test_no_request_of_a_citizen_ends_in_an_error_of_ours(wire):
    citizens, learner = Citizens(), Learner(wire)
    public = [route for route in address_table.routes() if not route.startswith("admin/")]
    for state in citizens.all:
        learner.open(state, addresses(state, public))

    campaign = Campaign(wire, learner, known=citizens.known, number=SEED)
    campaign.run(SECONDS / 2, only=ONLY)

    assert not campaign.failures, report(campaign)
    sys.stdout.write(report(campaign))


def test_no_request_of_staff_ends_in_an_error_of_ours(wire):
    learner, states = Learner(wire), staff_states()
    for state, routes in staff_pages(states):
        learner.open(state, addresses(state, routes))

    known = list(states[0].arguments.values())
    campaign = Campaign(wire, learner, known=known, number=SEED)
    campaign.run(SECONDS / 2, only=ONLY)

    assert not campaign.failures, report(campaign)
    sys.stdout.write(report(campaign))


def staff_pages(states: list[State]) -> Iterator[tuple[State, list[str]]]:
    """The pages that the table of addresses says each role is shown."""
    dice = random.Random(SEED)  # noqa: S311 - what to send, no secret
    pages: dict[str, list[str]] = {state.name: [] for state in states}
    for route, cells in address_table.table().items():
        if route.startswith("admin/"):
            shown = [one for one in states if cells.get(one.role, "").startswith("200")]
            if shown and SECONDS < EVERY_ROLE_SECONDS:
                shown = [dice.choice(shown)]
            # What is shown to nobody: to the superuser, and to who has typed the password alone.
            for state in shown or states[-2:]:
                pages[state.name].append(route)
    return ((state, pages[state.name]) for state in states)


def test_the_table_has_every_public_address():
    routes = [route for route in address_table.routes() if not route.startswith("admin/")]

    assert len(routes) > 40
    assert {"identity/", "booking/list/", "family/", "queue/resume/"} <= set(routes)
    assert settings.ROOT_URLCONF == "config.urls"
