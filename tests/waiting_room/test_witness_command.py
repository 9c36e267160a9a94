"""`manage.py witness` is the program that runs alone, also where there is no portal."""

import subprocess
import sys

import pytest
from django.conf import settings

from tests.waiting_room.witnesses import KEY
from waiting_room.tlog.notes import ED25519, Signer

LOG = str(Signer("jari.example.kr/queue/*/log", bytes(32), ED25519).verifier)


@pytest.mark.parametrize(
    ("log", "code", "told"), [(LOG, 0, "w.example.kr/witness+"), (str(KEY.verifier), 2, "")]
)
def test_its_options_and_its_end_are_those_of_the_program(tmp_path, log, code, told):
    name = ["--name", "w.example.kr/witness", "--state", str(tmp_path / "witness.db"), "--vkey"]
    command = [sys.executable, settings.BASE_DIR / "manage.py", "witness", *name, "--log", log]
    bare = {"JARI_HOME": str(tmp_path)}  # without settings, database or keys

    done = subprocess.run(command, env=bare, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr.count("Traceback")) == (code, 0), done.stderr
    assert done.stdout.startswith(told)
