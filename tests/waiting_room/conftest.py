from contextlib import ExitStack

import pytest

from tests.waiting_room import witnesses as scene
from waiting_room.tlog.witnessing import Witness


@pytest.fixture
def start(settings, tmp_path):
    """Starts witnesses by name and makes the portal know them; how many are needed is given."""
    settings.HOME = tmp_path
    settings.PUBLIC_URL = f"https://{scene.HOST}"
    settings.WITNESSES, settings.WITNESS_QUORUM = (), 0
    with ExitStack() as stack:

        def begin(*names, quorum=0):
            found = []
            for name in names:
                keys = scene.portal_key(*settings.LOG_KEYS)
                found.append(stack.enter_context(scene.running(name, tmp_path, keys)))
            settings.WITNESSES += tuple(witness for witness, _program in found)
            settings.WITNESS_QUORUM = quorum
            return [program for _witness, program in found]

        def misbehave(answer, name="bad"):
            url = stack.enter_context(scene.answering(answer))
            settings.WITNESSES += (Witness(name, scene.KEY.verifier, url),)

        begin.misbehave = misbehave
        yield begin


@pytest.fixture(params=["fast", "careful"])
def both_paths_of_entering(request, monkeypatch):
    """Runs a test twice: as it is, and with every entry left to the careful path.

    The function waiting_room_enter and `entering._let_in` decide the same; what holds them together
    are the tests that run with both.
    """
    if request.param == "careful":
        monkeypatch.setattr("waiting_room.services.entering._enter_at_once", lambda _ticket: None)
