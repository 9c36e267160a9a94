"""A Redis that hangs, not one that is dead: the kernel takes connections, nobody answers."""

import os
import signal

import pytest
import redis as redis_py
from django.core.cache import cache
from django.urls import reverse
from redis.retry import Retry

from eligibility.models import PhoneCode
from launcher.processes import free_port
from launcher.valkey import Valkey
from messaging.background import wait_until_sent
from messaging.enums import MessageStatus
from messaging.models import Message
from outside import jobs, redis
from tests.factories import StaffFactory

HALF_A_SECOND = 0.5
TYPED = {"name": "김하나", "birth_date": "19690512", "phone": "010-1234-5678"}


@pytest.fixture
def attempts(monkeypatch):
    """One entry for each time that Redis is really asked."""
    asked = []
    call = Retry.call_with_retry

    def counted(self, *args, **options):
        asked.append(self)
        return call(self, *args, **options)

    monkeypatch.setattr(Retry, "call_with_retry", counted)
    return asked


@pytest.fixture
def valkey(settings, tmp_path):
    """A server of this test alone, which the whole portal uses."""
    server = Valkey(tmp_path / "valkey", log=tmp_path / "log", password="p" * 20, throwaway=True)
    server.start(free_port())
    settings.HOME = tmp_path
    settings.REDIS_URL = server.url()
    settings.CACHES = {
        **settings.CACHES,
        "default": {**settings.CACHES["default"], "LOCATION": redis.next_database(server.url())},
    }
    yield server
    os.kill(server.process.pid, signal.SIGCONT)
    server.stop()


@pytest.fixture
def hung(valkey):
    os.kill(valkey.process.pid, signal.SIGSTOP)


def test_all_that_a_page_waits_for_redis_is_less_than_half_a_second():
    assert redis.CONNECTION_OPTIONS["retry"].get_retries() == 0
    # One step to connect and one to read the answer; then it rests.
    assert 2 * redis.ANSWER_SECONDS < HALF_A_SECOND
    for client in (redis.client(), cache._cache.get_client()):
        made = client.connection_pool.make_connection()
        assert (made.socket_timeout, made.socket_connect_timeout) == (redis.ANSWER_SECONDS,) * 2
        assert isinstance(made.retry, redis.NoRetry)


@pytest.mark.django_db(transaction=True)
def test_a_code_is_asked_for_and_leaves_although_redis_hangs(client, hung, attempts):
    response = client.post("/identity/", TYPED)
    wait_until_sent()

    assert response.status_code == 302
    assert Message.objects.get(kind="code").status == MessageStatus.SENT
    # Counters, proof of work and the ring: all but the first found that it rests.
    assert len(attempts) <= 2


@pytest.mark.django_db(transaction=True)
def test_codes_are_still_counted_in_the_database_while_redis_hangs(client, hung):
    for _time in range(6):
        client.post("/identity/", TYPED)
    answer = client.post("/identity/", TYPED)
    wait_until_sent()

    assert answer.status_code == 422  # first the work, then the next code
    assert PhoneCode.objects.count() == 6


@pytest.mark.django_db
def test_staff_sign_in_although_redis_hangs(client, hung, attempts):
    StaffFactory(username="somebody")

    client.post(reverse("admin:login"), {"username": "somebody", "password": "password"})

    assert len(attempts) <= 2


@pytest.mark.django_db
def test_a_node_stays_in_service_while_redis_hangs(client, hung, attempts):
    response = client.get("/readyz")

    assert (response.status_code, response.json()["ready"]) == (200, True)
    assert response.json()["redis"] == "unreachable"
    assert response.json()["worker"] == "unknown"
    assert len(attempts) <= 2


def test_redis_is_asked_again_after_its_rest(valkey, hung, monkeypatch):
    with pytest.raises(redis_py.RedisError):
        redis.client().ping()
    with pytest.raises(redis.RedisUnavailable):
        redis.client().ping()
    os.kill(valkey.process.pid, signal.SIGCONT)

    monkeypatch.setattr(redis.breaker, "_recovery_timeout", 0)

    assert redis.client().ping()
    assert not redis.breaker.opened


def test_emptying_the_cache_leaves_the_queues():
    queue = jobs._queue(jobs.EXPORTS)
    queue.empty()  # what another test of this process left there
    jobs.enqueue(jobs.EXPORTS, "messaging.jobs.sweep")

    cache.clear()

    assert queue.count == 1
    queue.empty()


@pytest.mark.parametrize(
    ("url", "following"),
    [
        ("redis://h:1", "redis://h:1/1"),
        ("redis://:p@h:1/0", "redis://:p@h:1/1"),
        ("rediss://u:p@h/4?ssl_cert_reqs=none", "rediss://u:p@h/5?ssl_cert_reqs=none"),
        ("redis://h/?db=3", "redis://h/?db=4"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock?db=1"),
    ],
)
def test_the_cache_takes_the_next_database_of_the_same_server(url, following):
    assert redis.next_database(url) == following
