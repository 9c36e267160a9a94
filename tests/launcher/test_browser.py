import subprocess
import sys
from pathlib import Path

import pytest

from launcher import browser
from launcher.errors import LauncherError
from launcher.home import ROOT
from tests.launcher.conftest import plain_environ


@pytest.fixture
def program(tmp_path: Path) -> Path:
    program = tmp_path / "chromium-browser"
    program.touch(mode=0o755)
    return program


def test_a_chromium_is_found_by_its_usual_names(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(program.parent))

    assert browser.find_chromium() == str(program)


def test_the_chromium_that_is_named_goes_first_and_has_to_exist(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHROMIUM", str(program))
    assert browser.find_chromium() == str(program)

    monkeypatch.setenv("CHROMIUM", "/no/such/chromium")
    assert browser.find_chromium() is None
    with pytest.raises(
        LauncherError, match=r"^CHROMIUM is '/no/such/chromium', and there is no such"
    ):
        browser.provide_chromium()


def test_root_on_debian_is_given_one(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(browser.os, "geteuid", lambda: 0)
    monkeypatch.setattr(
        browser.shutil, "which", lambda name: "/usr/bin/apt-get" if name == "apt-get" else None
    )
    monkeypatch.setattr(browser.subprocess, "run", lambda command, **_: ran.append(command))

    browser.provide_chromium()

    assert [command[2] for command in ran] == ["update", "install"]
    assert "chromium" in ran[1]


def test_an_ordinary_user_is_told_what_is_skipped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(browser.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(browser.shutil, "which", lambda name: None)
    monkeypatch.setattr(browser, "ON_A_MAC", Path("/no/such/app"))

    browser.provide_chromium()

    assert capsys.readouterr().err == f"{browser.MISSING}\n"


@pytest.mark.parametrize(
    ("ci", "outcome"), [("", "1 skipped"), ("true", "1 error")], ids=["by hand", "in CI"]
)
def test_without_a_chromium_page_tests_are_skipped_by_hand_and_fail_in_ci(
    ci: str, outcome: str
) -> None:
    test = "tests/browser/test_start.py::test_the_home_page_is_not_wider_than_a_phone"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-migrations", test],
        cwd=ROOT,
        env=plain_environ() | {"CHROMIUM": "/no/such/chromium", "CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )

    assert outcome in done.stdout.splitlines()[-1]
