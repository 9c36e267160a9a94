"""The configurations of `make cluster`, and what it says where it can't run. It runs itself in
`make chaos` (docs/reliability.md), as its programs are no packages of the portal."""

import stat
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from bench.chaos import table
from bench.chaos.table import Gaps, Row, Seen
from launcher.cluster import hosts, programs
from launcher.errors import LauncherError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One that other accounts may come to, as the launcher asks for."""
    for name in ("hosts", "log", "run"):
        (tmp_path / name).mkdir()
    for path in (tmp_path, *list(tmp_path.parents)[:2]):
        path.chmod(0o755)
    return tmp_path


@pytest.fixture
def files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Path]:
    """Name of each process → its configuration."""
    monkeypatch.setattr(programs, "program", lambda name: f"/usr/sbin/{name}")
    cluster = hosts.Hosts(folder / "hosts", folder / "log", folder / "run", 8000)
    processes = cluster.all("super-secret", "app-secret")
    assert len({host.name for host in processes}) == len(processes) == 14
    ports = list(cluster.ports.values())
    assert len(set(ports)) == len(ports)
    return {
        host.name: next(Path(part) for part in host.command if str(folder / "hosts") in part
                        and Path(part).suffix in (".yml", ".conf", ".cfg", ".ini"))
        for host in processes
    }  # fmt: skip


def test_each_process_has_a_whole_configuration_that_only_it_can_read(
    files: Mapping[str, Path],
) -> None:
    for file in files.values():
        assert "@{" not in file.read_text()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_commit_waits_for_a_second_machine_and_never_goes_without(
    files: Mapping[str, Path],
) -> None:
    for node in hosts.NODES:
        rules = yaml.safe_load(files[f"pg-{node}"].read_text())["bootstrap"]["dcs"]
        assert (rules["synchronous_mode"], rules["synchronous_mode_strict"]) == (True, True)
        assert rules["postgresql"]["parameters"]["synchronous_commit"] == "on"
        # Patroni refuses other sums, and then replaces nobody.
        assert rules["loop_wait"] + 2 * rules["retry_timeout"] <= rules["ttl"]


def test_pgbouncer_gives_a_connection_away_after_each_transaction(
    files: Mapping[str, Path],
) -> None:
    text = files["pgbouncer-a"].read_text()

    assert "pool_mode = transaction\n" in text
    assert "ignore_startup_parameters = options,extra_float_digits\n" in text


def test_what_sentinel_rewrote_is_kept_at_the_next_start(
    files: Mapping[str, Path], folder: Path
) -> None:
    for name in ("valkey-b", "sentinel-a"):
        files[name].write_text("rewritten\n")

    hosts.Hosts(folder / "hosts", folder / "log", folder / "run", 8000).all("s", "a")

    assert files["valkey-b"].read_text() == files["sentinel-a"].read_text() == "rewritten\n"


def test_without_its_programs_and_without_root_a_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(programs, "_find", lambda name: None)
    monkeypatch.setattr(programs.os, "geteuid", lambda: 1000)

    with pytest.raises(LauncherError, match="apt-get install haproxy pgbouncer etcd-server"):
        programs.provide()


def test_a_run_replaces_its_own_rows_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "reliability.md"
    file.write_text(table.FILE.read_text())
    monkeypatch.setattr(table, "FILE", file)
    whole = {"commits lost": 0}
    gaps, stranger = Gaps(0.2, None, 1.0), Seen(3.0, refused=2, bare=1)
    web = Row("web", "killed", gaps, stranger, 60, 0, True, whole)
    lost = Row("primary", "killed", gaps, stranger, 60, 0, True, {"commits lost": 1})

    table.write_rows([web, lost])
    table.write_rows([web])

    lines = {line.split(" | ")[0]: line for line in file.read_text().splitlines()}
    assert (web.kept, lost.kept) == (True, False)
    seen_by_people = "3.0 s, 2 refused, 1 of them bare"
    assert f"| 0.2 s | never | 1.0 s | {seen_by_people} | 60; 0 | 0 | silent |" in lines["| web"]
    assert "| commits lost 1 | silent |" in lines["| primary"]
