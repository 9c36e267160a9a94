"""Writes requirements/*.txt from pyproject.toml: exact versions with hashes, for all platforms.

`--keep` keeps the locked versions and only adds packages that are new in pyproject.toml."""

import subprocess
import sys
from pathlib import Path

FOLDER = Path("requirements")
COMPILE = [
    "uv", "pip", "compile", "--quiet", "--no-config",
    "--universal", "--python-version", "3.11", "--generate-hashes",
    # No index addresses: each machine has its own.
    "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links",
    "--override", str(FOLDER / "overrides.txt"),
]  # fmt: skip
COMMON = [*COMPILE, "pyproject.toml"]


def main(arguments: list[str]) -> int:
    renew = [] if "--keep" in arguments else ["--upgrade"]
    everything = FOLDER / "test.txt"
    subprocess.run([*COMMON, *renew, "--all-extras", "-o", str(everything)], check=True)  # noqa: S603
    # The smaller sets take the same versions, so that one environment fits all of them.
    same = ["--upgrade", "--constraint", str(everything)]
    run = FOLDER / "run.txt"
    subprocess.run([*COMMON, *same, "-o", str(run)], check=True)  # noqa: S603
    embedded = FOLDER / "embedded.txt"
    subprocess.run([*COMMON, *same, "--extra", "embedded", "-o", str(embedded)], check=True)  # noqa: S603
    embedded.write_text(without(embedded.read_text(), run.read_text()))
    cluster = FOLDER / "cluster.in"  # Patroni, in an environment of its own
    subprocess.run([*COMPILE, *renew, str(cluster), "-o", str(FOLDER / "cluster.txt")], check=True)  # noqa: S603
    # As a process: this file is run by its path, so it can't import the package launcher.
    subprocess.run([sys.executable, "-m", "launcher.bill"], check=True)
    return 0


def without(lock: str, other: str) -> str:
    """The entries of `lock` that are not in `other`."""
    excluded = set(entries(other))
    return "".join(entry for entry in entries(lock) if entry not in excluded)


def entries(lock: str) -> list[str]:
    """Each package's lines: its version and its hashes."""
    packages: list[str] = []
    for line in lock.splitlines(keepends=True):
        if line.startswith(" "):
            packages[-1] += line
        else:
            packages.append(line)
    return packages


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
