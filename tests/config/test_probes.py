"""Readiness that is known beforehand: a part that hangs must not hold up the probe."""

import json
import threading

import pytest

from config import probes
from config.probes import Readiness
from tests.waiting import until


def states(readiness: Readiness) -> tuple[int, dict]:
    status, _headers, body = readiness()
    content = json.loads(body)
    return status, {name: content[name] for name in ("ready", "database", "redis")}


@pytest.mark.parametrize(
    ("hangs", "status", "known"),
    [
        ("redis", 200, {"ready": True, "database": "ok", "redis": "unreachable"}),
        ("database", 503, {"ready": False, "database": "unreachable", "redis": "ok"}),
    ],
)
def test_a_part_that_hangs_is_named_and_the_others_stay_known(
    monkeypatch, hangs: str, status: int, known: dict
):
    monkeypatch.setattr(probes, "CHECK_SECONDS", 0.01)
    monkeypatch.setattr(probes, "OLD_SECONDS", 0.5)
    may_answer, hanging = threading.Event(), threading.Event()
    may_answer.set()

    def slow() -> str:
        if not may_answer.is_set():
            hanging.set()
            may_answer.wait()
        return "ok"

    parts = {name: slow if name == hangs else lambda: "ok" for name in ("database", "redis")}
    readiness = Readiness(parts, needs="database")
    all_well = (200, {"ready": True, "database": "ok", "redis": "ok"})
    until(lambda: states(readiness) == all_well)

    may_answer.clear()
    assert hanging.wait(30)

    until(lambda: states(readiness) == (status, known))
    may_answer.set()
    until(lambda: states(readiness) == all_well)


def test_an_error_while_asking_is_no_answer(monkeypatch):
    readiness = Readiness({"database": lambda: 1 / 0, "redis": lambda: "ok"}, needs="database")

    until(lambda: states(readiness)[1]["redis"] == "ok")

    assert states(readiness)[0] == 503
