"""Everything that a portal leaves behind besides its database: does it name a person?"""

import logging
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import StringIO
from pathlib import Path

import redis
from django.conf import settings

from config.logs import Caller, JsonFormatter, MaskPersonalData
from eligibility.models import Person
from outside.redis import client, next_database


@contextmanager
def logged() -> Iterator[StringIO]:
    """Every line of every logger, down to DEBUG, as the console would have it."""
    lines = StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(JsonFormatter())
    for keeper in (Caller(), MaskPersonalData()):
        handler.addFilter(keeper)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield lines
    root.setLevel(level)
    root.removeHandler(handler)


def secrets() -> set[str]:
    """How people of the database could be recognized in a text."""
    found = set()
    for name, phone, key in Person.objects.values_list("name", "phone", "roster_key"):
        local = f"0{phone.removeprefix('+82')}" if phone else ""
        found |= {name, phone, local, f"{local[:3]}-{local[3:7]}-{local[7:]}", key or ""}
    return {text for text in found if len(text) > 2}


def in_redis() -> str:
    """All keys and values of the queues and of the cache; what is packed, unpacked."""
    cache = redis.Redis.from_url(next_database(settings.REDIS_URL))
    return "\n".join(text for server in (client(), cache) for text in _texts(server))


def _texts(server: redis.Redis) -> Iterator[str]:
    readers = {
        b"string": lambda key: [server.get(key)],
        b"hash": lambda key: [part for pair in server.hgetall(key).items() for part in pair],
        b"list": lambda key: server.lrange(key, 0, -1),
        b"set": server.smembers,
        b"zset": lambda key: server.zrange(key, 0, -1),
        b"stream": lambda key: [repr(server.xrange(key)).encode()],
    }
    for key in server.scan_iter():
        yield key.decode(errors="replace")
        for value in readers.get(server.type(key), lambda _key: [])(key):
            with suppress(zlib.error):
                value = zlib.decompress(value or b"")
            yield (value or b"").decode(errors="replace")


def in_files(folder: Path) -> str:
    """All files but the messages themselves."""
    paths = [path for path in folder.rglob("*") if path.is_file() and "outbox" not in path.parts]
    return "\n".join(path.read_bytes().decode(errors="replace") for path in paths)
