"""A rehearsal against several web servers, as against the nodes of a cluster."""

import re
import threading
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from booking.models import Reservation
from launcher.processes import free_port
from rehearsal import journal
from rehearsal.figures import figures_of
from tests.waiting import until
from tests.web_server import web_servers
from waiting_room.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)
CITIZENS = 16


@pytest.fixture
def nodes(small_sample, tmp_path, settings):
    settings.HOME = tmp_path
    small_sample.load()
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
    variables = {"DJANGO_SETTINGS_MODULE": "tests.live_settings", "JARI_SAMPLE": "1"}
    with web_servers(*folders, **variables) as servers:
        yield servers


@pytest.fixture
def kill_one(nodes):
    """kill -9 of the second node, as soon as people stand in the line."""

    before = Ticket.objects.count()  # of the sample

    def wait_for_people() -> None:
        until(lambda: Ticket.objects.count() > before, "nobody came", patience=120)
        nodes[1].kill()
        connection.close()

    killer = threading.Thread(target=wait_for_people)
    killer.start()
    yield
    killer.join()


def test_a_crowd_goes_on_at_the_other_node_when_its_own_dies(nodes, kill_one, ticking, tmp_path):
    out = StringIO()

    call_command(
        "rehearse", citizens=CITIZENS, over=4.0, patience=240, pace=600, cap=50,
        host=",".join(node.url for node in nodes), stdout=out,
    )  # fmt: skip

    text = out.getvalue()
    assert "Every promise was kept." in text
    assert re.search(r"^could not go on +0$", text, re.MULTILINE)
    booked = int(re.search(r"^booked +(\d+)", text, re.MULTILINE)[1])
    assert 0 < booked <= Reservation.objects.filter(status="confirmed").count()
    [folder] = tmp_path.glob("rehearsals/*")
    figures = figures_of(journal.read(folder))
    kept, lost = (figures.hosts[node.url.removeprefix("http://")] for node in nodes)
    assert lost.requests >= lost.failures > 0
    assert kept.requests > lost.requests - lost.failures
    assert figures.counts["nodes"] > 0


def test_a_node_that_does_not_answer_is_named_before_anybody_comes(live_server, tmp_path, settings):
    settings.SAMPLE, settings.HOME = True, tmp_path
    away = f"http://127.0.0.1:{free_port()}"

    with pytest.raises(CommandError) as refusal:
        call_command("rehearse", citizens=1, host=f"{live_server.url},{away}")

    assert str(refusal.value).startswith(f"--host: {away}: no connection: ")
    assert not [*tmp_path.glob("rehearsals/*")]
