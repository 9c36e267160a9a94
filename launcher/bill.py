"""Writes docs/sbom.cdx.json (CycloneDX 1.6) and docs/licences.md from requirements/run.txt, the
lock of a production node. Licences are as the installed packages state them. Run by `make lock`.
"""

import json
import os
import re
from collections.abc import Iterator
from email.message import Message
from importlib import metadata
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "run.txt"
BILL = ROOT / "docs" / "sbom.cdx.json"
LICENCES = ROOT / "docs" / "licences.md"


def locked() -> Iterator[tuple[str, str, list[str]]]:
    """(name, version, SHA-256 of each file) of every package in the lock."""
    for entry in re.split(r"\n(?=\S)", LOCK.read_text()):
        if package := re.match(r"([\w.-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", entry):
            yield package[1], package[2], re.findall(r"--hash=sha256:([0-9a-f]{64})", entry)


def bill() -> dict[str, Any]:
    """The bill of materials, without time or serial number: one lock always gives one file."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "jari", "bom-ref": "jari"}},
        "components": [_component(*package) for package in locked()],
    }


def _component(name: str, version: str, hashes: list[str]) -> dict[str, Any]:
    address = f"pkg:pypi/{name.lower()}@{version}"
    return {
        "type": "library",
        "bom-ref": address,
        "name": name,
        "version": version,
        "purl": address,
        "externalReferences": [
            {
                "type": "distribution",
                "url": f"https://pypi.org/project/{name}/{version}/",
                "hashes": [{"alg": "SHA-256", "content": content} for content in hashes],
            }
        ],
    }


def licences() -> str:
    venv = ROOT / os.environ.get("VENV", ".venv")
    folders = [str(folder) for folder in venv.glob("lib/python*/site-packages")]
    stated = {
        _normal(package.metadata["Name"]): _licence(package)
        for package in metadata.distributions(path=folders)
    }
    lines = [
        "# Licences",
        "",
        "Of the packages that a production node installs, as they state them; made by `make lock`.",
        "",
        "| package | version | licence |",
        "|---|---|---|",
    ]
    for name, version, _hashes in locked():
        licence = stated.get(_normal(name), "not installed where this was made")
        lines.append(f"| {name} | {version} | {licence} |")
    return "\n".join(lines) + "\n"


def _licence(package: metadata.Distribution) -> str:
    # It is an email.message.Message, though the standard library types it with fewer methods.
    headers = cast(Message, package.metadata)
    classified = [
        text.rpartition(" :: ")[2]
        for text in headers.get_all("Classifier") or []
        if text.startswith("License :: ")
    ]
    # The field License may hold the licence's full text; its first line is the title.
    lines = (headers.get("License") or "").strip().splitlines()
    return (
        headers.get("License-Expression") or ", ".join(classified) or (lines or ["not stated"])[0]
    )


def _normal(name: str) -> str:
    """A package's normal name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def write() -> None:
    BILL.write_text(json.dumps(bill(), indent=1) + "\n", encoding="utf-8")
    LICENCES.write_text(licences(), encoding="utf-8")


if __name__ == "__main__":
    write()
