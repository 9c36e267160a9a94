"""A real OpenID provider in a process of its own, and what a browser does there."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import requests

from launcher.processes import free_port


@contextmanager
def running(people: dict[str, dict[str, object]]) -> Iterator[str]:
    """The issuer's address; `people` are claims by subject."""
    port = free_port()
    users = [json.dumps({"sub": sub, **claims}) for sub, claims in people.items()]
    arguments = [part for user in users for part in ("--user-claims", user)]
    process = subprocess.Popen(
        [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    for _attempt in range(100):
        try:
            requests.get(f"{address}/.well-known/openid-configuration", timeout=1)
            break
        except requests.RequestException:
            time.sleep(0.1)
    try:
        yield address
    finally:
        process.terminate()
        process.wait(10)


def log_in_there(address: str, sub: str) -> str:
    """Log in at the provider; the address the browser is sent back to."""
    answer = requests.post(address, data={"sub": sub}, allow_redirects=False, timeout=5)
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["Location"])
    return f"{back.path}?{back.query}"
