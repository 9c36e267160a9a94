"""`python -m launcher`: what holds for every command."""

import os

import pytest

from launcher import cli


def test_programs_that_it_starts_keep_what_they_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "PYTHONDONTWRITEBYTECODE"
    monkeypatch.setenv(name, "1")
    monkeypatch.setattr(cli, "services", lambda _arguments: int(name in os.environ))

    assert cli.main(["services"]) == 0
