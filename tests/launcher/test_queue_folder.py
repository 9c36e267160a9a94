"""queue/ is a folder and not a package: Python's own `queue` stays itself, however one starts."""

import os
import queue
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from django.conf import settings

FROM_THE_ROOT = [
    ["-m", "pip", "--version"],
    ["-m", "pytest", "--version"],
    ["-m", "granian", "--version"],
    ["manage.py", "check"],
    ["-c", "import queue, asgiref, redis, urllib3, django; queue.Queue()"],
]


def test_queue_folder_does_not_shadow_the_standard_library() -> None:
    assert Path(queue.__file__).parent == Path(sysconfig.get_path("stdlib"))
    assert not (settings.BASE_DIR / "queue" / "__init__.py").exists()


@pytest.mark.parametrize("arguments", FROM_THE_ROOT, ids=lambda arguments: " ".join(arguments[:2]))
def test_everyday_commands_run_from_the_root(arguments: list[str]) -> None:
    python = sys.executable
    if arguments[:2] == ["-m", "pip"] and not has_pip(python):
        python = sys._base_executable  # type: ignore[attr-defined]  # uv makes environments without

    done = subprocess.run(
        [python, *arguments],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings.test"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr


def has_pip(python: str) -> bool:
    check = [python, "-m", "pip", "--version"]
    return subprocess.run(check, capture_output=True, check=False, cwd="/").returncode == 0
