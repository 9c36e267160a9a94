"""deploy/systemd against systemd's own reading, and against what a node runs."""

import configparser
import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from django.conf import settings

from launcher.browser import install
from launcher.portal import node_commands, status_command

FOLDER = settings.BASE_DIR / "deploy" / "systemd"
UNITS = sorted(path.name for path in FOLDER.glob("jari*.service"))


def command(unit: str) -> list[str]:
    found = re.search(r"^ExecStart=(.+)$", (FOLDER / unit).read_text(), re.MULTILINE)
    assert found
    return found[1].split()[1:]


def test_units_run_what_a_node_runs():
    target = (FOLDER / "jari.target").read_text()
    workers = re.findall(r"jari-worker@(\w+)\.service", target)
    web = [part.replace("${JARI_LISTEN}", "h:1") for part in command("jari-web.service")]
    started = [
        web,
        *([p.replace("%i", queue) for p in command("jari-worker@.service")] for queue in workers),
        command("jari-cron.service"),
    ]

    assert started == [
        [part.removeprefix(f"{settings.BASE_DIR}/") for part in of_node[1:]]
        for of_node in node_commands("h", 1).values()
    ]


def test_the_status_page_is_served_on_each_node():
    started = [
        part.replace("${JARI_STATUS_LISTEN}", "h:1") for part in command("jari-status.service")
    ]

    assert started == status_command("h", 1)[1:]
    assert "jari-status.service" in (FOLDER / "jari.target").read_text().split()


def test_the_owner_of_the_tables_is_known_to_the_step_that_migrates_alone():
    naming = {
        path.name
        for path in FOLDER.rglob("*.*")
        if path.is_file() and "owner.env" in path.read_text()
    }

    assert naming == {"jari-migrate.service"}


def systemd_analyze() -> str | None:
    """The program, installed where that is possible: as root on Debian."""
    apt = shutil.which("apt-get")
    if apt and os.geteuid() == 0:
        # Other processes of the run want it too, and apt-get runs once at a time.
        with (Path(tempfile.gettempdir()) / "jari-test-systemd.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not shutil.which("systemd-analyze"):
                install(apt, "systemd")
    return shutil.which("systemd-analyze")


@pytest.fixture
def analyze(tmp_path):
    program = systemd_analyze()
    if program is None:
        pytest.skip("install systemd-analyze (Debian: apt-get install systemd)")
    units = tmp_path / "units"
    shutil.copytree(FOLDER, units)
    python = tmp_path / "python"
    python.touch(mode=0o755)
    for unit in units.glob("*.service"):
        # Only where this machine has no portal below /srv.
        unit.write_text(unit.read_text().replace("/srv/jari/.venv/bin/python", str(python)))
    (units / "jari-worker@line.service").symlink_to("jari-worker@.service")

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [program, *arguments],
            env=os.environ | {"SYSTEMD_UNIT_PATH": f"{units}:"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    return units, run


@pytest.mark.parametrize(
    "unit", ["jari-web", "jari-worker@line", "jari-cron", "jari-status", "jari-migrate"]
)
def test_systemd_understands_each_unit(analyze, unit):
    units, run = analyze

    said = run("verify", "--recursive-errors=no", str(units / f"{unit}.service"))

    assert [line for line in said.splitlines() if "jari" in line] == []


def test_hardening_applies_to_every_unit():
    common = configparser.ConfigParser(strict=False, interpolation=None)
    common.optionxform = str  # type: ignore[assignment,method-assign]
    common.read(FOLDER / "jari-.service.d" / "common.conf")

    assert common["Service"]["ProtectSystem"] == "strict"
    assert common["Service"]["CapabilityBoundingSet"] == ""
    # systemd applies jari-.service.d to names that begin with `jari-`, and to no other.
    assert all(unit.startswith("jari-") for unit in UNITS)
