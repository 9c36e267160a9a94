"""JARI_HOME: where a newcomer's portal keeps its data, secrets and addresses."""

from collections.abc import MutableMapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def home(environment: MutableMapping[str, str]) -> Path:
    return Path(environment.get("JARI_HOME") or ROOT / "var").resolve()


def fill_environment(environment: MutableMapping[str, str]) -> None:
    """Take what `make run` wrote (secrets.env, services.env) as defaults for manage.py alone."""
    for name in ["secrets.env", "services.env"]:
        file = home(environment) / name
        if not file.exists():
            continue
        for line in file.read_text().splitlines():
            key, separator, value = line.partition("=")
            if separator and not key.startswith("#"):
                environment.setdefault(key.strip(), value.strip())
