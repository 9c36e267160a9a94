"""Restores on a cluster: a drill, a lost primary, and a second site by WAL alone.

    python -m bench.restore [--citizens 60]

Starts the cluster of `make cluster` with a folder of its own (JARI_HOME), and Barman as
deploy/backup/barman.conf has it, but for the sealing with GPG: WAL by streaming through the way to
the primary, a base backup. A crowd books; `manage.py drill` restores. Then the primary is killed
with -9, another crowd books on the new one, and `manage.py drill --follow` makes a standby from the
archive alone, shows that it follows, promotes it and verifies it. All it takes is some minutes.
"""

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from bench.barman import PROGRAM, write_config
from bench.chaos.processes import kill_postgres, leader
from bench.chaos.stages import Hosts, environ, go_on, settle, wait_for
from launcher.cluster.hosts import NODES
from launcher.errors import LauncherError
from launcher.home import ROOT
from launcher.portal import print_line
from launcher.postgres import SUPERUSER
from launcher.processes import LOOPBACK

SECONDS = 120  # until something that is awaited counts as failed
# As docs/operations.md has it, under Backups.
ACCOUNT = """
CREATE ROLE jari_backup LOGIN REPLICATION;
GRANT pg_read_all_settings, pg_read_all_stats, pg_checkpoint TO jari_backup;
GRANT EXECUTE ON FUNCTION pg_backup_start(text, boolean), pg_backup_stop(boolean), pg_switch_wal(),
    pg_create_restore_point(text) TO jari_backup;
"""


class Archive:
    """Barman beside the cluster, with a receiver of WAL that is started again when it ends."""

    def __init__(self, hosts: Hosts) -> None:
        assert hosts.hosts
        self.hosts, self.folder = hosts, hosts.home.folder / "barman"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.folder.chmod(0o711)
        primary = f"host={LOOPBACK} port={hosts.hosts.ports['primary']} dbname=postgres"
        password = _make_account(hosts, primary)
        address = f"{primary} user=jari_backup password={password}"
        self.config = write_config(self.folder, address=address, programs=hosts.hosts.programs)
        self.env = hosts.env | {
            "JARI_BARMAN": PROGRAM,
            "JARI_BARMAN_CONFIG": str(self.config),
            "JARI_DRILL_FOLDER": str(hosts.home.folder / "drill"),
            "JARI_POSTGRES_PROGRAMS": str(hosts.hosts.programs),
        }

    def barman(self, *arguments: str) -> str:
        command = [PROGRAM, "--config", str(self.config), *arguments]
        running = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        wait_for(self.hosts, lambda: running.poll() is not None, SECONDS)
        if running.poll() is None:
            running.kill()
        output = running.communicate()[0]
        if running.returncode:
            raise LauncherError(f"barman {arguments[0]}: {output.strip()}")
        return output

    @contextmanager
    def receiving(self) -> Iterator[None]:
        """As `barman cron` does: a receiver whose primary was lost ends, and is begun again."""
        loop = f"while :; do {PROGRAM} --config {self.config} receive-wal jari; sleep 1; done"
        receiver = subprocess.Popen(
            ["/bin/sh", "-c", loop],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            yield
        finally:
            os.killpg(receiver.pid, 15)
            receiver.wait()

    def is_receiving(self) -> bool:
        return bool(list((self.folder / "home/jari").glob("streaming/0*")))


def _make_account(hosts: Hosts, primary: str) -> str:
    """Make the account of backups, if an earlier run has not; returns a new password for it."""
    password = secrets.token_hex(16)
    own = hosts.home.load_secrets()["POSTGRES_PASSWORD"]
    address = f"{primary} user={SUPERUSER} password={own}"
    with psycopg.connect(address, autocommit=True) as connection:
        found = connection.execute("SELECT FROM pg_roles WHERE rolname = 'jari_backup'").fetchone()
        if found is None:
            connection.execute(ACCOUNT)
        connection.execute(f"ALTER ROLE jari_backup PASSWORD '{password}'")
    return password


def keep_slot(hosts: Hosts) -> None:
    """As `patronictl edit-config` does: Patroni makes it on each new primary."""
    assert hosts.hosts
    wanted = json.dumps({"slots": {"barman": {"type": "physical"}}}).encode()
    for node in NODES:
        url = f"http://{LOOPBACK}:{hosts.hosts.ports[f'patroni-{node}']}/config"
        request = urllib.request.Request(url, data=wanted, method="PATCH")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=5) as answer:
            answer.read()
        return


def manage(hosts: Hosts, env: dict[str, str], command: str, *arguments: str) -> None:
    """Run it to its end, and print what it says; LauncherError if it fails."""
    log = hosts.home.log / f"restore-{command}.log"
    with log.open("wb") as out:
        running = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), command, *arguments],
            env=env, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    wait_for(hosts, lambda: running.poll() is not None, SECONDS * 3)
    if running.poll() is None:
        running.kill()
    running.wait()
    for line in log.read_text().splitlines()[-12:]:
        print_line(f"  {line}")
    if running.returncode:
        raise LauncherError(f"{command} failed: see {log}.")


def crowd(hosts: Hosts, citizens: int) -> None:
    manage(
        hosts, hosts.env, "rehearse", "--citizens", str(citizens), "--over", "20",
        "--patience", "120", "--host", hosts.address,
    )  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--citizens", type=int, default=30)
    options = parser.parse_args()
    # Not that of make chaos: the slot of the archive would keep WAL there for ever.
    home = os.environ.get("JARI_HOME") or str(ROOT / "var" / "restore")
    hosts = Hosts(environ("8400") | {"JARI_HOME": home})
    try:
        hosts.start()
        keep_slot(hosts)
        archive = Archive(hosts)
        with archive.receiving():
            if not wait_for(hosts, archive.is_receiving, SECONDS):
                raise LauncherError(f"Barman receives no WAL: see {archive.folder}/barman.log.")
            archive.barman("switch-wal", "--force", "jari")
            go_on(hosts, 5)
            archive.barman("archive-wal", "jari")
            archive.barman("backup", "--wait", "--wait-timeout", str(SECONDS), "jari")
            crowd(hosts, options.citizens)
            print_line("A drill:")
            manage(hosts, archive.env, "drill")
            name = leader(hosts)
            kill_postgres(hosts, name)
            print_line(f"kill -9 of the primary's Postgres ({name})")
            go_on(hosts, 10)
            settle(hosts)
            crowd(hosts, options.citizens)
            print_line("A second site, from the archive alone:")
            began = time.monotonic()
            manage(hosts, archive.env, "drill", "--follow")
            print_line(f"  {time.monotonic() - began:.0f} s in all")
    except LauncherError as error:
        print_line(str(error))
        return 1
    finally:
        hosts.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
