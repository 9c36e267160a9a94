"""The embedded Postgres and Valkey, started and stopped for real."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import psycopg
import pytest
import redis

from launcher import postgres, valkey
from launcher.errors import LauncherError
from launcher.postgres import Postgres
from launcher.processes import Account, RunFolder, free_port, started_at
from launcher.supervisor import Supervisor
from launcher.throwaway import PREFIX, ThrowawayServices, sweep
from launcher.valkey import Valkey
from tests.launcher.conftest import look_until

PASSWORD = "between-us"


def new_server(folder: Path) -> Postgres:
    return Postgres(
        folder / "postgres",
        log=folder / "postgres.log",
        password=PASSWORD,
        mark=folder / "postgres.made",
    )


@pytest.fixture
def server(folder: Path) -> Iterator[Postgres]:
    server = new_server(folder)
    server.start(free_port())
    yield server
    server.stop()


def ask(server: Postgres, question: str) -> list[tuple[object, ...]]:
    with psycopg.connect(server.url()) as connection:
        answer = connection.execute(question)
        return answer.fetchall() if answer.description else []


def test_postgres_speaks_utf8_sorts_hangul_and_listens_at_home_only(server: Postgres) -> None:
    facts = ask(
        server,
        "SELECT pg_encoding_to_char(encoding), datlocprovider, datlocale, "
        "current_setting('listen_addresses'), current_setting('fsync') "
        "FROM pg_database WHERE datname = current_database()",
    )
    names = ask(server, "SELECT n FROM unnest(ARRAY['하나', '가람', '나래']) n ORDER BY n")

    assert facts == [("UTF8", "b", "C.UTF-8", "127.0.0.1", "on")]
    assert names == [("가람",), ("나래",), ("하나",)]


def test_postgres_lets_nobody_in_without_the_password(server: Postgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"postgres://jari:guess@127.0.0.1:{server.port}/postgres")


def test_postgres_goes_on_with_its_data_after_being_stopped(server: Postgres) -> None:
    for password in ("before", "after"):
        server.create_database("kept", {"jari_owner": password, "jari_app": password})
    identity = server.identity
    server.stop()

    server.start(free_port())

    with psycopg.connect(server.url("kept", "jari_owner", "after")) as connection:
        connection.execute("CREATE TABLE kept ()")
    with (
        psycopg.connect(server.url("kept", "jari_app", "after")) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("CREATE TABLE not_kept ()")
    assert server.identity == identity


def test_postgres_goes_on_after_kill_9_with_what_was_committed(server: Postgres) -> None:
    ask(server, "CREATE TABLE kept AS SELECT 7 AS number")
    assert server.process
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    assert (server.data / "postmaster.pid").exists()

    server.start(free_port())

    assert ask(server, "SELECT number FROM kept") == [(7,)]


def test_a_postmaster_that_was_left_running_is_ended_first(server: Postgres) -> None:
    left = server.process
    assert left
    again = Postgres(server.folder, log=server.log, password=PASSWORD)

    try:
        left_at = started_at(left.pid)
        again.start(free_port())

        assert left_at
        assert left.wait(1) is not None
        assert ask(again, "SELECT 1") == [(1,)]
    finally:
        again.stop()


def test_a_stale_postmaster_pid_that_names_another_process_is_forgotten(server: Postgres) -> None:
    server.stop()
    (server.data / "postmaster.pid").write_text(f"{os.getpid()}\n{server.data}\n")

    server.start(free_port())

    assert ask(server, "SELECT 1") == [(1,)]


def test_a_cluster_whose_making_broke_off_is_begun_anew(folder: Path, monkeypatch) -> None:
    server = new_server(folder)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            server.start(free_port())
    (server.folder / "new" / "global" / "pg_control").unlink()

    server.start(free_port())
    try:
        assert ask(server, "SELECT 1") == [(1,)]
    finally:
        server.stop()


@pytest.mark.parametrize("lost", ["data", "folder", "link"])
def test_lost_data_is_never_replaced_by_an_empty_cluster(server: Postgres, lost: str) -> None:
    home, place = server.folder.parent, server.folder
    ask(server, "CREATE TABLE kept AS SELECT 7 AS number")
    server.stop()
    if lost == "link":  # as where root's data lies elsewhere
        place = place.rename(home / "elsewhere")
        server.folder.symlink_to(place)
    gone = place / "data" if lost == "data" else place
    kept = gone.rename(home / "kept")

    for _ in range(2):
        with pytest.raises(LauncherError) as error:
            server.start(free_port())

    assert str(error.value) == (
        f"{server.data} is missing, but there was data in it: put it back, mount its disk "
        f"or load a backup, or begin anew by removing {home}."
    )
    assert not gone.exists()
    kept.rename(gone)
    server.start(free_port())
    assert ask(server, "SELECT number FROM kept") == [(7,)]


def test_data_from_before_there_were_marks_is_marked(server: Postgres) -> None:
    server.stop()
    assert server.mark
    server.mark.unlink()

    server.start(free_port())

    assert server.mark.exists()


def test_the_supervisor_waits_for_lost_data_and_goes_on_with_it(server: Postgres) -> None:
    said: list[str] = []
    run = RunFolder(server.folder.parent / "run")
    run.folder.mkdir()
    supervisor = Supervisor(run, said.append)
    supervisor.watch("postgres", server, lambda: server.start(server.port), server.log)
    ask(server, "CREATE TABLE kept AS SELECT 7 AS number")
    assert server.process
    server.process.send_signal(signal.SIGQUIT)
    server.process.wait()
    first, kept = server.process, server.data.rename(server.folder / "kept")

    look_until(supervisor, lambda: any("there was data in it" in line for line in said))
    assert not server.data.exists()
    kept.rename(server.data)
    look_until(supervisor, lambda: server.process is not first)

    assert ask(server, "SELECT number FROM kept") == [(7,)]


def test_data_of_another_version_is_named_in_one_sentence(server: Postgres) -> None:
    server.stop()
    (server.data / "PG_VERSION").write_text("15\n")

    with pytest.raises(
        LauncherError, match=r"^The data in .* is of another Postgres version: .*\.$"
    ):
        server.start(free_port())


def test_valkey_keeps_what_it_was_told_through_kill_9(folder: Path) -> None:
    server = Valkey(folder / "valkey", log=folder / "valkey.log", password=PASSWORD)
    server.start(free_port())
    redis.from_url(server.url()).set("kept", "7")
    time.sleep(1.1)  # appendfsync everysec
    assert server.process
    server.process.kill()
    server.process.wait()

    server.start(free_port())
    try:
        assert redis.from_url(server.url()).get("kept") == b"7"
        assert redis.from_url(server.url()).config_get("bind") == {"bind": "127.0.0.1"}
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=server.port).get("kept")
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("find", "sentence"),
    [
        (postgres.installation, "set DATABASE_URL to a server of yours."),
        (valkey.server_program, "set REDIS_URL to a server of yours."),
    ],
)
def test_a_missing_wheel_is_said_in_one_sentence(find, sentence, monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(LauncherError) as error:
        find()

    assert str(error.value).endswith(sentence)
    assert "\n" not in str(error.value)


def test_services_end_with_the_process_that_started_them(tmp_path: Path, start_launcher) -> None:
    launcher = start_launcher("services", TMPDIR=str(tmp_path))
    lines = [launcher.stdout.readline() for _ in range(8)]
    urls = dict(line.removeprefix("export ").rstrip().split("=", 1) for line in lines)
    assert redis.from_url(urls["REDIS_URL"]).ping()

    launcher.kill()
    launcher.wait()

    assert_gone(urls["DATABASE_URL"])


def assert_gone(url: str) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            psycopg.connect(url, connect_timeout=1).close()
        except psycopg.OperationalError as refused:
            if "refused" in str(refused):
                return
        time.sleep(0.1)
    pytest.fail("the database still answers")


def test_the_next_run_sweeps_up_what_a_killed_one_left(tmp_path: Path) -> None:
    left = tmp_path / f"{PREFIX}left"
    left.mkdir()
    (left / "lock").touch()
    sleeper = subprocess.Popen(["sleep", "60"])
    at = started_at(sleeper.pid)
    (left / "children.json").write_text(f'{{"{sleeper.pid}": "{at}", "1": "not then"}}')
    old = time.time() - 60
    os.utime(left, (old, old))
    fresh = tmp_path / f"{PREFIX}fresh"
    fresh.mkdir()

    sweep(tmp_path)

    assert sleeper.wait(5) == -signal.SIGTERM
    assert not left.exists()
    assert fresh.exists()


def test_an_ordinary_user_can_start_them(
    someone: Account, someones_folder: Path, anyones_python: str
) -> None:
    script = (
        "import os, sys\n"
        "from launcher.throwaway import ThrowawayServices\n"
        "with ThrowawayServices() as services:\n"
        "    print(os.geteuid(), *sorted(services.urls))\n"
    )

    done = subprocess.run(
        [anyones_python, "-c", script],
        cwd=someones_folder,
        env={"PATH": os.environ["PATH"], "HOME": str(someones_folder)},
        capture_output=True,
        text=True,
        timeout=120,
        **someone.popen_options(),
    )

    assert (done.stderr, done.stdout) == ("", f"{someone.uid} DATABASE_URL REDIS_URL\n")


def test_root_keeps_data_elsewhere_when_its_folder_is_closed_to_others(
    folder: Path, monkeypatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root runs Postgres as another user")
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    elsewhere = folder / "elsewhere"
    monkeypatch.setattr(postgres, "ROOTS_DATA", elsewhere)
    server = Postgres(closed / "postgres", log=folder / "log", password=PASSWORD)

    server.start(free_port())
    server.stop()

    assert (closed / "postgres").readlink().parent == elsewhere
    assert (closed / "postgres" / "data" / "PG_VERSION").read_text() == "18\n"
    assert closed.stat().st_mode & 0o777 == 0o700


def test_root_copies_programs_that_nobody_else_can_read(folder: Path, monkeypatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root runs Postgres as another user")
    programs = postgres.installation()
    account = Account.unprivileged()
    tried: list[Path] = []

    def runs(path: Path, who: Account, runs=postgres._runs) -> bool:
        tried.append(path)
        return path != programs and runs(path, who)

    monkeypatch.setattr(postgres, "_runs", runs)
    monkeypatch.setattr(postgres, "ROOTS_CACHES", [folder / "cache"])

    copy = postgres._programs_for(account, programs)
    again = postgres._programs_for(account, programs)

    assert copy == again
    assert copy.is_relative_to(folder / "cache")
    assert tried == [programs, copy, programs, copy]


def test_a_worker_of_xdist_takes_a_redis_database_of_its_own() -> None:
    script = (
        "import os\n"
        "from tests.services import _take_own_redis_database\n"
        "_take_own_redis_database(3)\n"
        "print(os.environ['REDIS_URL'])\n"
    )

    def seen(**environ: str) -> str:
        env = {"REDIS_URL": "redis://:x@127.0.0.1:7/0", "PATH": os.environ["PATH"]} | environ
        return subprocess.check_output([sys.executable, "-c", script], env=env, text=True)

    assert seen(JARI_TEST_SERVICES="DATABASE_URL REDIS_URL") == "redis://:x@127.0.0.1:7/8\n"
    assert seen(JARI_TEST_SERVICES="DATABASE_URL") == "redis://:x@127.0.0.1:7/0\n"


def test_durable_services_wait_for_the_disk_as_a_portal_does(monkeypatch) -> None:
    monkeypatch.delenv("DATABASE_URL")

    with (
        ThrowawayServices(durable=True) as services,
        psycopg.connect(services.urls["DATABASE_URL"]) as connection,
    ):
        settings = [
            connection.execute(f"SHOW {name}").fetchone()
            for name in ("fsync", "synchronous_commit", "full_page_writes")
        ]

    assert settings == [("on",), ("on",), ("on",)]
