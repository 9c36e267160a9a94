"""REDIS_URL by Sentinels, with a real one and a primary that is killed."""

import os
import secrets
import signal
from string import Template
from urllib.parse import urlsplit

import pytest
import redis as redis_py
from django.conf import settings as configured
from django.core.cache import caches
from rq import Queue, SimpleWorker

from launcher.processes import LOOPBACK, free_port, spawn, stop
from launcher.valkey import server_program
from outside import redis, sentinel
from tests import waiting

PASSWORD = secrets.token_hex(8)
CONFIGURATION = configured.BASE_DIR / "deploy" / "cluster"


class At(Template):
    delimiter = "@"


def test_an_address_with_sentinels_is_read_whole():
    url = "redis+sentinel://jari:p%40ss@h1,h2:26380/queues/3?sentinel_password=s&socket_timeout=7"

    sentinels, service, servers, of_sentinels = sentinel.parse(url)

    assert (sentinels, service) == ([("h1", 26379), ("h2", 26380)], "queues")
    assert servers == {"username": "jari", "password": "p@ss", "db": 3, "socket_timeout": 7.0}
    assert of_sentinels["password"] == "s"
    assert of_sentinels["socket_timeout"] == sentinel.ANSWER_SECONDS
    assert redis.next_database(url) == url.replace("/3?", "/4?")


def test_tls_is_for_sentinels_too():
    *_, servers, of_sentinels = sentinel.parse(
        "rediss+sentinel://h1/queues/0?ssl_ca_certs=/etc/ca.pem"
    )

    assert {"ssl": True, "ssl_ca_certs": "/etc/ca.pem"}.items() <= servers.items()
    assert {"ssl": True, "ssl_ca_certs": "/etc/ca.pem"}.items() <= of_sentinels.items()


@pytest.mark.parametrize("rest", ["h1", "h1/", "h1/queues/x", "h1,/queues/0", "h1:port/queues/0"])
def test_an_address_that_names_no_service_is_refused_without_its_password(rest):
    with pytest.raises(sentinel.BadAddress, match="one host for each Sentinel") as refused:
        sentinel.parse(f"redis+sentinel://:hush@{rest}")

    assert "hush" not in str(refused.value)


@pytest.fixture
def servers(tmp_path):
    """Two servers and a Sentinel, by the files that deploy/ has for hosts; name → process."""
    ports = {name: free_port() for name in ("one", "two", "sentinel")}
    values = {"address": LOOPBACK, "password": PASSWORD, "quorum": "1"}
    values["primary"] = f"{LOOPBACK} {ports['one']}"
    running = {}
    for name, port in ports.items():
        folder = tmp_path / name
        folder.mkdir()
        kind = "sentinel" if name == "sentinel" else "valkey"
        text = (CONFIGURATION / f"{kind}.conf").read_text()
        follows = f"replicaof {values['primary']}" if name == "two" else ""
        text = At(text).substitute(values, folder=folder, port=port, follows=follows)
        file = folder / "conf"
        file.write_text(text)
        extra = ["--sentinel"] if kind == "sentinel" else []
        running[name] = spawn(
            [server_program(), file, *extra],
            log=tmp_path / f"{name}.log",
            death_signal=signal.SIGKILL,
        )
    yield ports, running
    for process in running.values():
        stop(process, signal.SIGKILL, patience=1)


@pytest.fixture
def url(servers, settings, monkeypatch):
    ports, _running = servers
    url = (
        f"redis+sentinel://:{PASSWORD}@{LOOPBACK}:1,{LOOPBACK}:{ports['sentinel']}/jari/0"
        f"?sentinel_password={PASSWORD}"
    )
    settings.REDIS_URL = url
    settings.CACHES = settings.CACHES | {
        "default": settings.CACHES["default"] | {"LOCATION": [redis.next_database(url)]},
        "queues": redis.queue_cache(url, waits=False),
    }
    settings.RQ_QUEUES = {"line": redis.queue_connection(url, waits=False)}
    monkeypatch.setattr(redis.breaker, "_recovery_timeout", 0)
    waiting.until(lambda: works(ports["two"]), "no replica", patience=20)
    waiting.until(lambda: knows_replica(ports["sentinel"]), "unknown replica", patience=40)
    return url


def knows_replica(port: int) -> bool:
    """Whether the Sentinel would choose the replica, of which it hears every ten seconds."""
    replicas = redis_py.Redis(LOOPBACK, port, password=PASSWORD).sentinel_slaves("jari")
    return any(
        replica["master-link-status"] == "ok" and "disconnected" not in replica["flags"]
        for replica in replicas
    )


def works(port: int) -> bool:
    """Whether queues and cache take a write, which they do once a replica is there."""
    try:
        replica = redis_py.Redis(LOOPBACK, port, password=PASSWORD).info("replication")
        assert replica["role"] == "master" or replica["master_link_status"] == "up"
        redis.client().set("works", 1)
        caches["default"].set("works", "yes")
    except (redis_py.RedisError, AssertionError):
        return False
    return True


def said(word: str) -> str:
    return word.upper()


class Interrupted(Exception):
    pass


def test_after_an_interrupted_read_a_command_gets_its_own_answer(monkeypatch):
    """A worker that is told to stop while it waits for a job takes itself off the list."""
    at = urlsplit(configured.REDIS_URL)
    monkeypatch.setattr(sentinel.Sentinel, "discover_master", lambda *_: (at.hostname, at.port))
    asked = f"redis+sentinel://:{at.password}@{LOOPBACK}:1/jari{at.path}"
    client = redis_py.Redis(connection_pool=sentinel.pool(asked))

    def interrupt(*_: object) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGALRM, interrupt)
    client.ping()
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    with pytest.raises(Interrupted):
        client.blpop("jobs that do not come", 2)
    signal.signal(signal.SIGALRM, before)

    assert client.echo("mine") == b"mine"
    client.close()


def test_queues_and_cache_go_on_with_the_replica_when_the_primary_is_killed(url, servers):
    import django_rq

    ports, running = servers
    caches["default"].set("limit", 3)
    job = django_rq.get_queue("line").enqueue(said, "kept")
    # In the cluster a replica follows within milliseconds; a promise never hangs on it.
    redis_py.Redis.wait(redis.client(), 1, 1000)

    os.kill(running["one"].pid, signal.SIGKILL)
    alone = redis_py.Redis(LOOPBACK, ports["two"], password=PASSWORD)
    waiting.until(lambda: alone.info("replication")["role"] == "master", "none", patience=30)
    waiting.until(lambda: works(ports["two"]), "no writes", patience=20)

    assert caches["default"].get("limit") == 3
    queue = django_rq.get_queue("line")
    assert queue.job_ids == [job.id]
    SimpleWorker([queue], connection=queue.connection).work(burst=True)
    assert Queue("line", connection=redis.client()).is_empty()
    assert job.get_status(refresh=True) == "finished"
