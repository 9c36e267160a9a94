"""A report is of what the journal has, also of a rehearsal that was killed."""

import json
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from rehearsal import journal, report
from rehearsal.figures import figures_of
from rehearsal.journal import Writer, step_of

PLAN = {
    "scenario": {
        "name": "evening", "title": {"ko": "저녁", "en": "An evening"}, "minutes": 2.0, "burst": 0,
        "pace": 600, "cap": None, "behaviours": {"leaves": 0.04},
    },
    "citizens": 60,
    "since": "2026-07-20T11:00:00+00:00",
    "hosts": ["http://portal.example"],
    "rooms": ["55-59"],
    "generator": {"processes": 1, "per_second": 2000.0, "per_cpu_second": 4000.0},
}  # fmt: skip
MADE_AT = datetime(2026, 7, 20, 11, 5, tzinfo=UTC)
KEPT = {"counts": {"places_lost": 0, "places_moved_back": 0}, "cases": []}


@pytest.fixture
def folder(tmp_path):
    """Two minutes in which a citizen comes each second, books four seconds later, and the last
    twenty seconds are slow."""
    (tmp_path / "plan.json").write_text(json.dumps(PLAN))
    crowd, watch = Writer(tmp_path / "crowd-0.jsonl"), Writer(tmp_path / "watch.jsonl")
    for person in range(60):
        crowd.write("came", person, person=person)
        crowd.write("place", person + 1, person=person, ticket=f"t{person}", place=person + 1)
        for event, at in (("called", 2), ("entered", 2), ("held", 3)):
            crowd.write(event, person + at, person=person)
        crowd.write("booked", person + 4, person=person, number=f"N{person}")
        crowd.write("end", person + 4, person=person, outcome="booked", seconds=4, retries=1)
    for second in range(120):
        latency = 40.0 if second < 100 else 4000.0
        pages = {"GET /booking/": [1, 0, {step_of(latency): 1}]}
        crowd.write("second", second, stages={"line": 5}, late=0.01, busy=0.2, pages=pages)
        watch.write(
            "room", second, waiting=5, per_minute=60, max_per_minute=60, active=3, max_active=9,
            serving=second, reason=[], score={"count": 80, "held": 0.9, "width": 0.4},
        )  # fmt: skip
        watch.write("memory", second, kinds={"web": {"bytes": 2**28, "processes": 2}})
    watch.write("fault", 30, kind="kill_web", done=True, text="2 web processes …")
    watch.write("over", 120)
    return tmp_path


def test_capacity_and_advice_follow_the_written_rule(folder):
    figures = figures_of(journal.read(folder))

    assert figures.outcomes == {"booked": 60}
    assert (figures.capacity.per_second, figures.capacity.limit) == (1.0, "pace")
    # 0.8 of 60 a minute, all of the called booked; 0.8 people a second for 2 s, and a fifth more.
    assert (figures.advice.pace, figures.advice.cap) == (48, 2)
    assert (round(figures.quarters.p95[0]), round(figures.quarters.p95[1])) == (42, 4217)
    assert figures.quarters.memory == {"web": (128.0, 128.0)}
    assert figures.stuck == 0


def test_the_page_has_both_languages_and_needs_nothing_from_outside(folder):
    (folder / "findings.json").write_text(json.dumps(KEPT))

    result = report.write(journal.read(folder), made_at=MADE_AT)

    html = (folder / report.HTML).read_text()
    assert (
        re.findall(r"(?:src|href)=\"(?!#)|url\((?!#)|@import|https?://(?!www.w3.org|portal)", html)
        == []
    )
    ids = re.findall(r" id=\"([^\"]+)", html)
    assert len(ids) == len(set(ids)) > 20
    assert "리허설 보고서" in html
    assert "Report of a rehearsal" in html
    assert html.count("<svg") == 12
    assert "웹 프로세스를 kill -9로 종료했습니다." in html
    figures = json.loads((folder / report.JSON).read_text())
    assert (figures["capacity"]["per_second"], figures["whole"]) == (1.0, True)
    assert (result.all_kept, result.stuck) == (True, 0)


def test_a_broken_promise_is_named_with_its_count(folder):
    (folder / "findings.json").write_text(
        json.dumps({"counts": {"places_lost": 3}, "cases": ["citizen 4: ticket <b> was lost"]})
    )

    result = report.write(journal.read(folder), made_at=MADE_AT)

    html = (folder / report.HTML).read_text()
    assert not result.all_kept
    assert "places lost                  3" in result.lines
    assert "A promise broke, or people could not go on." in html
    assert "citizen 4: ticket &lt;b&gt; was lost" in html


WRITE_FOR_EVER = """
import sys
from pathlib import Path
from rehearsal.journal import Writer
writer = Writer(Path(sys.argv[1]))
writer.write("came", 0.5, person=1)
writer.write("place", 1, person=1, ticket="00000000-0000-4000-8000-000000000000", place=7)
print("written", flush=True)
while True:
    writer.write("second", 0, stages={"line": 1}, late=0, busy=0, pages={"GET /": [1, 0, {}]})
"""


@pytest.mark.django_db
def test_after_a_kill_the_journal_gives_a_report_and_lost_places_are_found(tmp_path, settings):
    (tmp_path / "plan.json").write_text(json.dumps(PLAN | {"citizens": 1, "rooms": []}))
    writing = subprocess.Popen(
        [sys.executable, "-c", WRITE_FOR_EVER, tmp_path / "crowd-0.jsonl"],
        cwd=settings.BASE_DIR, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert writing.stdout.readline() == b"written\n"
    writing.kill()
    assert writing.wait() == -signal.SIGKILL
    writing.stdout.close()
    with (tmp_path / "crowd-0.jsonl").open("a") as file:
        file.write('{"event":"booked","per')
    out = StringIO()

    with pytest.raises(CommandError, match="A promise broke"):
        call_command("rehearse", report=str(tmp_path), stdout=out)

    assert "places lost                  1" in out.getvalue()
    assert "could not go on              1" in out.getvalue()
    html = (tmp_path / report.HTML).read_text()
    assert "This rehearsal did not reach its end." in html


def test_without_a_journal_there_is_no_report(tmp_path):
    with pytest.raises(CommandError, match="There is no journal in"):
        call_command("rehearse", report=str(tmp_path))
