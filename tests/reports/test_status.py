"""The status page: what it says, since when, and what stays of it without the database."""

import json
import re

import pytest
from django.db import OperationalError

from booking.services import line_reports
from reports import status
from reports.open_files import folder_of
from reports.parts import PARTS
from reports.status_files import StatusFiles
from tests.factories import ClinicFactory, SlotFactory
from tests.waiting_room import scene
from waiting_room.models import Board
from waiting_room.services import rooms

pytestmark = pytest.mark.django_db
WELL = dict.fromkeys(PARTS, "ok")


@pytest.fixture(autouse=True)
def home(settings, tmp_path, clock):
    settings.HOME = tmp_path
    clock.at("10:00")


def page(language: str = "en") -> str:
    text = (folder_of(status.FOLDER) / f"page-{language}.html").read_text()
    return " ".join(re.sub(r"<[^>]+>", " ", text[text.index("<main") :]).split())


def facts() -> dict:
    return json.loads((folder_of(status.FOLDER) / status.FACTS).read_text())


def test_it_says_how_lines_stand_and_what_is_left():
    room = scene.make_room(name_en="Aged 55 to 59", name_ko="55–59세")
    for _ in range(3):
        scene.join(room)
    scene.tick(room)
    score = {"count": 60, "held": 0.9, "width": 0.4}
    document = Board.objects.get(room=room).document | {"score": score}
    Board.objects.filter(room=room).update(document=document)
    SlotFactory(clinic=ClinicFactory(region="부산광역시", district="중구"), capacity=7)
    line_reports.report_to_lines()

    status.write_status(WELL)

    assert "No disturbance is known." in page()
    assert "Aged 55 to 59 Open now Waiting" in page()
    assert "90% of the last 60 waiting times we gave came true." in page()
    assert "Busan 7" in page()
    assert "55–59세" in page("ko")
    assert re.findall(r"[가-힣]+", page("en")) == []
    line = facts()["lines"][0]
    assert (line["state"], line["waiting"] + line["serving"]) == ("may_join", 3)


def test_what_a_paused_line_says_is_on_it():
    rooms.pause_room(room=scene.make_room(), message_ko="점검 중", message_en="Repair", by="test")

    status.write_status(WELL)

    assert "Line paused Repair" in page("en")
    assert "점검 중" in page("ko")


@pytest.mark.parametrize(
    ("state", "what"),
    [
        ({"database": "unreachable"}, ["portal"]),
        ({"redis": "unreachable", "worker": "unknown", "cron": "unknown"}, ["lines"]),
        ({"worker": "none"}, ["lines"]),
        ({"messages": "gateway takes nothing: sms 1 since 09:00:00"}, ["messages"]),
        # Nothing that people could notice, or only those who run the portal.
        ({"messages": "above budget: code"}, []),
        ({"clock": "1 minute ahead", "exports": "late: a of 2026-01-01"}, []),
    ],
)
def test_what_people_notice_is_a_disturbance(state, what):
    status.write_status(WELL | state)

    assert [entry["what"] for entry in facts()["disturbed"]] == what
    # Nothing of what those who run it read.
    assert not any(word in page() for word in ("sms", "budget", "09:00:00"))


def test_a_disturbance_keeps_the_time_of_its_beginning(clock):
    status.write_status(WELL | {"worker": "none"})
    began = facts()["disturbed"][0]["since"]

    clock.forward(minutes=3)
    status.write_status(WELL | {"worker": "none", "redis": "unreachable"})
    still = facts()["disturbed"][0]["since"]
    status.write_status(WELL)
    clock.forward(minutes=1)
    status.write_status(WELL | {"worker": "none"})

    assert (still, facts()["disturbed"][0]["since"] > began) == (began, True)


def test_without_the_database_the_lines_stay_as_they_were(clock, monkeypatch):
    scene.make_room(name_en="Aged 55 to 59")
    status.write_status(WELL)
    before = facts()
    clock.forward(minutes=2)

    def gone(_facts) -> None:
        raise OperationalError("gone")

    # It went away between the last look at it and now.
    monkeypatch.setattr(status, "_facts_of_database", gone)
    status.write_status(WELL)

    after = facts()
    assert (after["lines"], after["lines_at"]) == (before["lines"], before["lines_at"])
    assert after["time"] > before["time"]
    assert [entry["what"] for entry in after["disturbed"]] == ["portal"]
    assert page().count("As of") == 2  # of the page, and of its lines


@pytest.mark.parametrize(
    ("path", "headers", "language"),
    [
        ("/status/", {}, "ko"),
        ("/status/", {"accept-language": "en-GB,en;q=0.9"}, "en"),
        ("/status/", {"accept-language": "en", "cookie": "a=1; jari_language=ko"}, "ko"),
        ("/status/en/", {"cookie": "jari_language=ko"}, "en"),
        ("/status/", {"cookie": "jari_language=../../etc"}, "ko"),
    ],
)
def test_its_language_is_the_readers(path, headers, language):
    status.write_status(WELL)

    code, answered, body = StatusFiles().answer(path, lambda name: headers.get(name, ""))

    assert (code, dict(answered)["content-language"]) == (200, language)
    assert f'<html lang="{language}"' in body.decode()


def test_it_is_answered_from_memory_where_its_file_is_gone():
    status.write_status(WELL)
    files = StatusFiles()
    code, headers, body = files.answer("/status/en/", lambda _name: "")

    for path in folder_of(status.FOLDER).glob("page-*"):
        path.unlink()

    assert files.answer("/status/en/", lambda _name: "") == (code, headers, body)
    etag = {"if-none-match": dict(headers)["etag"]}
    assert files.answer("/status/en/", lambda name: etag.get(name, ""))[0] == 304
    assert files.answer("/status/xx/", lambda _name: "") is None


def test_the_first_page_is_written_as_soon_as_all_parts_were_asked():
    """A web server is ready before: until its first page the address leads nowhere."""
    answers = iter([None, None, WELL])

    status.StatusWriter(lambda: next(answers))._write()

    assert "No disturbance is known." in page()


def test_other_servers_write_it_when_it_is_asked_for(client):
    scene.make_room(name_en="Aged 55 to 59")

    answer = client.get("/status/", headers={"Accept-Language": "en"})

    assert "Aged 55 to 59" in answer.content.decode()
    assert client.get("/status/xx/").status_code == 404
    assert json.loads(client.get("/status/status.json").content)["lines_at"]
