"""A node in production: no launcher, and settings from the environment alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

# What web server, workers and cron begin with (docs/running.md).
BEGINNINGS = [
    "import config.serve",
    "import config.wsgi",
    "import config, django; django.setup(); import config.cron",
]


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_production_starts_in_a_tree_without_the_launcher(beginning: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.modules['launcher'] = None; {beginning}"],
        cwd=settings.BASE_DIR,
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "config.settings.production",
            "JARI_OUTBOX_ALLOWED": "1",
            "ALLOWED_HOSTS": "jari.example",
            "JARI_PUBLIC_URL": "https://jari.example",
            "JARI_PROXIES": "1",
            "STATIC_ROOT": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
