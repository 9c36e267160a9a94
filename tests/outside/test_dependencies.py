"""A dependency that keeps silent is left alone, whoever noticed its silence first."""

import threading
import uuid

import pytest
import requests

from outside.dependencies import Dependency, TookTooLong, dependency


@pytest.fixture
def provider() -> Dependency:
    return dependency(f"provider-{uuid.uuid4()}")


def raises(error: Exception):
    def call():
        raise error

    return call


@pytest.mark.parametrize(
    "silence",
    [requests.ReadTimeout("socket"), requests.ConnectTimeout("socket"), TimeoutError("socket")],
    ids=lambda error: type(error).__name__,
)
def test_two_timeouts_of_sockets_open_the_circuit_breaker(provider, silence):
    for _time in range(2):
        with pytest.raises(TookTooLong, match="No answer"):
            provider.call(raises(silence), seconds=5, timeouts=(requests.Timeout,))

    with pytest.raises(TookTooLong, match="just now"):
        provider.call(lambda: "never called", seconds=5)


def test_two_timeouts_of_the_whole_call_open_it(provider):
    end = threading.Event()
    try:
        for _time in range(2):
            with pytest.raises(TookTooLong, match="No answer"):
                provider.call(end.wait, seconds=0.05)
        with pytest.raises(TookTooLong, match="just now"):
            provider.call(lambda: "never called", seconds=5)
    finally:
        end.set()


def test_a_refusal_is_an_answer(provider):
    for _time in range(3):
        with pytest.raises(requests.HTTPError, match="400"):
            provider.call(
                raises(requests.HTTPError("400")), seconds=5, timeouts=(requests.Timeout,)
            )

    assert provider.call(lambda: "works", seconds=5) == "works"
