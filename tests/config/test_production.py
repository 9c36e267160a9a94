"""A node in production: no launcher, and settings from the environment alone."""

import ast
import json
import os
from pathlib import Path
from subprocess import CompletedProcess
from urllib.parse import quote

import pytest
from django.conf import settings

from tests.nursery import Nursery
from tests.roles import OPTION
from waiting_room.tlog.notes import COSIGNATURE, Signer

CHECK = ["manage.py", "check", "--deploy", "--fail-level", "WARNING"]
# What web server, workers and cron begin with (docs/running.md).
BEGINNINGS = [
    "import config.serve",
    "import config.wsgi",
    "import config, django; django.setup(); import config.cron",
]


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_production_starts_in_a_tree_without_the_launcher(
    programs: Nursery, beginning: str, tmp_path: Path
) -> None:
    done = programs.run(
        "-c",
        f"import sys; sys.modules['launcher'] = None; {beginning}",
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "config.settings.production",
            "JARI_OUTBOX_ALLOWED": "1",
            "ALLOWED_HOSTS": "jari.example",
            "JARI_PUBLIC_URL": "https://jari.example",
            "JARI_PROXIES": "1",
            "JARI_DRAW_SOURCE": "drand",
            "STATIC_ROOT": str(tmp_path),
        },
    )

    assert (done.returncode, done.stderr) == (0, "")


def in_production(programs: Nursery, *arguments: str, **more: str | None) -> CompletedProcess[str]:
    """Run Python in a complete environment of production, changed by `more`; None unsets."""
    environment = (
        os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "config.settings.production",
            "DATABASE_URL": f"{os.environ['DATABASE_URL']}?options={quote(OPTION)}",
            "SECRET_KEY": "x7Qm2vL9" * 8,
            "JARI_OUTBOX_ALLOWED": "1",
            "JARI_DRAW_SOURCE": "stated",
            "ALLOWED_HOSTS": "jari.example",
            "JARI_PUBLIC_URL": "https://jari.example",
            "JARI_PROXIES": "1",
        }
        | more
    )
    known = {name: value for name, value in environment.items() if value is not None}
    return programs.run(*arguments, env=known)


@pytest.mark.parametrize("more", [{}, {"JARI_HSTS_SUBDOMAINS": "0"}, {"JARI_HSTS_PRELOAD": "1"}])
def test_the_deployment_check_finds_nothing(programs: Nursery, more: dict[str, str]) -> None:
    done = in_production(programs, *CHECK, **more)

    assert (done.returncode, done.stderr.strip()) == (0, "")


@pytest.mark.parametrize("text", [None, "", "all", "-1", "10"])
def test_production_asks_how_many_proxies_stand_in_front(
    programs: Nursery, text: str | None
) -> None:
    done = in_production(programs, "-c", "import config.serve", JARI_PROXIES=text)

    assert done.returncode == 1
    assert "JARI_PROXIES: " in done.stderr.splitlines()[-1]


_SAY = """
import config, django, json
django.setup()
from django.conf import settings
from booking.views.common import looked_up
from config.headers import security_headers
from eligibility import code_pages, limits, provider_flow, sessions
from staff.door import known_devices
from waiting_room.access import resumed
from web.public import public_url
cookies = [settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, settings.LANGUAGE_COOKIE_NAME,
    sessions.COOKIE, provider_flow.COOKIE, code_pages.CODE_COOKIE, known_devices.COOKIE,
    limits.KNOWN_COOKIE, looked_up.cookie, resumed.cookie]
print(json.dumps({"cookies": cookies, "apps": settings.INSTALLED_APPS,
    "transport": dict(security_headers())["strict-transport-security"],
    "old_keys": settings.SECRET_KEY_FALLBACKS, "debug": settings.DEBUG,
    "address": public_url("how")}))
"""


def test_production_binds_its_cookies_to_the_host_and_leaves_the_sample_out(
    programs: Nursery,
) -> None:
    more = {"SECRET_KEY_FALLBACKS": "old,older", "JARI_PUBLIC_URL": "https://jari.example/"}

    done = in_production(programs, "-c", _SAY, **more)

    said = json.loads(done.stdout)
    assert [name for name in said["cookies"] if not name.startswith("__Host-")] == []
    assert len(set(said["cookies"])) == 10
    assert "rehearsal" not in said["apps"]
    assert said["transport"] == "max-age=31536000; includeSubDomains"
    assert (said["old_keys"], said["debug"]) == (["old", "older"], False)
    assert said["address"] == "https://jari.example/how/"


def test_no_cookie_is_set_by_a_path_or_domain_of_its_own() -> None:
    """What a browser asks of a `__Host-` cookie: no domain, the path `/`."""
    found = []
    for file in settings.BASE_DIR.rglob("*.py"):
        if file.relative_to(settings.BASE_DIR).parts[0] in ("tests", ".venv", "var"):
            continue
        for call in ast.walk(ast.parse(file.read_text())):
            if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "set_cookie":
                named = {keyword.arg for keyword in call.keywords}
                found.append((file.name, "domain" in named, "secure" in named, "httponly" in named))
    assert {(domain, secure, http) for _file, domain, secure, http in found} == {
        (False, True, True)
    }
    assert len(found) >= 5


def witness_key(seed: bytes, name: str = "news.kr/witness") -> str:
    return str(Signer(name, seed, COSIGNATURE).verifier)


VKEY, OTHER = witness_key(bytes(32)), witness_key(bytes(range(32)), "city.kr/witness")
OWN = witness_key(b"l" * 32)  # the log key of the test settings


@pytest.mark.parametrize(
    ("more", "code", "why"),
    [
        ({"JARI_WITNESSES": f"news {VKEY} https://news.kr"}, 0, ""),
        ({"JARI_WITNESSES": "news"}, 1, "JARI_WITNESSES: “news” is not written NAME KEY URL."),
        (
            {"JARI_WITNESSES": f"news {VKEY} https://news.kr", "JARI_WITNESS_QUORUM": "2"},
            1,
            "JARI_WITNESS_QUORUM: write a number from 0 to 1",
        ),
        ({"JARI_WITNESS_QUORUM": "1"}, 1, "JARI_WITNESS_QUORUM: write a number from 0 to 0"),
        ({"JARI_WITNESS_MINUTES": "0"}, 1, "JARI_WITNESS_MINUTES: write a number of minutes"),
        ({"JARI_WITNESSES": f"news {VKEY} http://news.kr"}, 1, "(waiting_room.W003)"),
        ({"JARI_WITNESSES": f"news {VKEY} https://jari.example/w"}, 1, "(waiting_room.W002)"),
        ({"JARI_WITNESSES": f"news {OWN} https://news.kr"}, 1, "(waiting_room.E001)"),
        (
            {
                "JARI_WITNESSES": f"news {VKEY} https://news.kr, city {OTHER} https://city.kr",
                "JARI_WITNESS_QUORUM": "1",
            },
            1,
            "(waiting_room.W004)",
        ),
    ],
)
def test_the_deployment_check_reads_the_witnesses(
    programs: Nursery, more: dict[str, str], code: int, why: str
) -> None:
    done = in_production(programs, *CHECK, **more)

    assert (done.returncode, why in done.stderr) == (code, True), done.stderr
