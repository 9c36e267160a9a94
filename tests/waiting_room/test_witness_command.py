"""`manage.py witness` is the program that runs alone."""

import pytest

from tests.waiting_room.witnesses import KEY
from waiting_room.management.commands.witness import Command
from waiting_room.tlog.notes import ED25519, Signer

LOG = str(Signer("jari.example.kr/queue/*/log", bytes(32), ED25519).verifier)


@pytest.mark.parametrize(
    ("log", "code", "told"), [(LOG, 0, "w.example.kr/witness+"), (str(KEY.verifier), 2, "")]
)
def test_its_options_and_its_end_are_those_of_the_program(
    tmp_path, capsys, monkeypatch, log, code, told
):
    monkeypatch.setattr("sys.argv", ["manage.py"])
    name = ["--name", "w.example.kr/witness", "--state", str(tmp_path / "witness.db"), "--vkey"]

    with pytest.raises(SystemExit) as end:
        Command().run_from_argv(["manage.py", "witness", *name, "--log", log])

    assert end.value.code == code
    assert capsys.readouterr().out.startswith(told)
