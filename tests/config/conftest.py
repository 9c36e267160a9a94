from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.config.server import Server

Serve = Callable[..., Server]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts a server with the options of a test."""
    started: list[Server] = []

    def start(**options) -> Server:
        started.append(Server(tmp_path, **options))
        return started[-1]

    yield start
    for server in started:
        server.kill()


@pytest.fixture(scope="package")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One without options, for tests that leave it as it was."""
    server = Server(tmp_path_factory.mktemp("shared"))
    yield server
    server.kill()
