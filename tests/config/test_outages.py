"""What people see while Postgres is away: the real web server, and a Postgres of its own."""

import json
import signal
from collections.abc import Iterator

import psycopg
import pytest

from tests.live_portal import LivePortal, live_portal
from tests.waiting import until

# The portal's server is a copy of the test run's, which is migrated for tests with this mark.
pytestmark = pytest.mark.django_db

CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


@pytest.fixture(scope="module")
def portal(django_db_setup) -> Iterator[LivePortal]:
    """It has written its status page once, which is what there is to show from then on."""
    with live_portal() as running:
        running.serve()
        until(lambda: facts(running).get("lines_at"), running.log, patience=30)
        yield running


def facts(portal: LivePortal) -> dict:
    status, body = portal.get("/status/status.json")
    return json.loads(body) if status == 200 else {}


def test_the_status_page_goes_on_without_postgres(portal: LivePortal):
    port = portal.postgres.port

    portal.postgres.stop()
    until(lambda: portal.get("/")[0] == 503, portal.log)
    until(lambda: [e["what"] for e in facts(portal)["disturbed"]][:1] == ["portal"], portal.log)
    status, page = portal.get("/status/", Accept_Language="en")
    korean = portal.get("/status/ko/", Accept_Language="en")[1]
    waiting = portal.get("/")[1]
    portal.postgres.start(port)

    assert (status, "Pages cannot be opened just now" in page) == (200, True)
    assert "지금은 화면을 열 수 없습니다" in korean
    assert 'href="/status/"' in waiting
    until(lambda: "portal" not in [e["what"] for e in facts(portal)["disturbed"]], portal.log)


def test_with_a_frozen_postgres_pages_say_that_the_place_is_kept(portal: LivePortal):
    """Its kernel goes on acknowledging: without a circuit breaker a page hangs as long as it."""
    portal.signal_postgres(signal.SIGSTOP)

    # The first one is under way when nothing more is heard; the next is refused at once.
    pages = [portal.get("/", timeout=8) for _ in range(2)]
    until(lambda: portal.get("/readyz")[0] == 503, portal.log, patience=30)
    status = portal.get("/status/")
    portal.signal_postgres(signal.SIGCONT)

    assert [code for code, _page in pages] == [503, 503], portal.log()
    assert all("Your place is kept" in page for _code, page in pages)
    assert status[0] == 200
    until(lambda: portal.get("/")[0] == 200, portal.log)
    until(lambda: portal.state_of("database") == "ok", portal.log)


def test_pages_go_on_when_all_connections_are_cut(portal: LivePortal):
    url = portal.postgres.url("postgres")
    with psycopg.connect(url, autocommit=True) as server:
        cut = server.execute(CUT).fetchall()
    pages = [portal.get("/") for _ in range(3)]

    assert cut
    assert all(code == 200 or "Your place is kept" in page for code, page in pages), portal.log()
    until(lambda: portal.get("/")[0] == 200, portal.log)
