"""What Prometheus reads, who may, and that rules, dashboard and guide speak of what exists."""

import json
import re
import shutil
import subprocess

import pytest
import yaml
from django.conf import settings
from django.test import Client
from django.urls import get_resolver
from prometheus_client.parser import text_string_to_metric_families

from outside import jobs
from reports.parts import PARTS
from tests.waiting_room import scene
from waiting_room.services import rooms

pytestmark = pytest.mark.django_db
FOLDER = settings.BASE_DIR / "monitoring"
NAME = re.compile(r"\bjari_[a-z_]+")


def read(client: Client, **headers: str) -> dict[tuple[str, str], float]:
    """Samples by name and their label's value."""
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def rules() -> list[dict]:
    return yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]


def test_it_tells_how_lines_queues_and_parts_stand(client):
    room = scene.make_room()
    for _ in range(3):
        scene.join(room)
    scene.tick(room)
    rooms.pause_room(room=scene.make_room(), message_ko="점검", by="test")
    jobs.enqueue(jobs.EXPORTS, "reports.jobs.continue_files")

    found = read(client)

    code = room.cohort.code
    waiting = found["jari_line_waiting", code] + found["jari_line_serving", code]
    assert (waiting, found["jari_line_moves", code]) == (3, 1)
    assert [value for (name, _), value in found.items() if name == "jari_line_moves"] == [1, 0]
    assert (found["jari_part_ok", "database"], found["jari_part_ok", "worker"]) == (1, 0)
    assert (found["jari_queue_jobs", "exports"], found["jari_queue_jobs", "line"]) == (1, 0)


def test_requests_count_under_the_name_of_their_address(client):
    before = read(client).get(("jari_requests_total", "lookup,2xx"), 0)
    for _ in range(2):
        client.get("/reservations/?number=7K2M-QX4D-9T&phone=01012345678")
    client.get("/nothing/here/김서연/")

    found = read(client)

    assert found["jari_requests_total", "lookup,2xx"] == before + 2
    assert found["jari_requests_total", "none,4xx"] >= 1
    assert not any("김서연" in label or "7K2M" in label for _name, label in found)


@pytest.mark.parametrize(
    ("token", "address", "headers", "status"),
    [
        ("", "127.0.0.1", {}, 200),
        ("", "::1", {}, 200),
        ("", "198.51.100.7", {}, 404),
        # A proxy on this machine that nobody has counted.
        ("", "127.0.0.1", {"X-Forwarded-For": "198.51.100.7"}, 404),
        ("", "127.0.0.1", {"Via": "1.1 proxy"}, 404),
        ("secret", "198.51.100.7", {"Authorization": "Bearer secret"}, 200),
        ("secret", "127.0.0.1", {"Authorization": "Bearer Secret"}, 404),
        ("secret", "127.0.0.1", {}, 404),
    ],
)
def test_only_this_machine_or_the_token_may_read_it(
    client, settings, token, address, headers, status
):
    settings.METRICS_TOKEN = token

    answer = client.get("/metrics", headers=headers, REMOTE_ADDR=address)

    assert answer.status_code == status


def exported(client: Client) -> set[str]:
    """Names, also of what there is nothing of yet, as minutes, drills and standbys."""
    scene.tick(scene.make_room())
    client.get("/")
    answer = client.get("/metrics").content.decode()
    return {name for name, _label in read(client)} | {
        family.name for family in text_string_to_metric_families(answer)
    }


def test_rules_and_dashboard_ask_for_what_exists(client):
    asked = {name for rule in rules() for name in NAME.findall(rule["expr"])}
    panels = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
    shown = {
        name for panel in panels for each in panel["targets"] for name in NAME.findall(each["expr"])
    }

    assert asked | shown <= exported(client)


def test_rules_ask_for_parts_and_pages_that_exist():
    """A rule with a wrong one never fires, which its test with promtool would not show."""
    asked = " ".join(rule["expr"] for rule in rules())
    parts, pages = (
        {name for each in re.findall(rf'{label}=~?"([^"]+)"', asked) for name in each.split("|")}
        for label in ("part", "page")
    )

    assert (parts - set(PARTS), pages - set(get_resolver().reverse_dict)) == (set(), {"admin"})
    assert {"database", "cron"} <= parts


def test_each_alarm_has_its_steps_in_the_guide():
    guide = (settings.BASE_DIR / "docs" / "operations.md").read_text()

    assert re.findall(r"^### (Jari\w+)$", guide, re.MULTILINE) == [
        rule["alert"] for rule in rules()
    ]


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_the_rules_fire_when_they_should():
    done = subprocess.run(
        ["promtool", "test", "rules", "alerts_test.yml"],
        cwd=FOLDER, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
