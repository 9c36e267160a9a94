"""Write requirements/*.txt from pyproject.toml: exact versions with hashes, for any platform.

`--keep` keeps the versions that are locked and only adds what pyproject.toml asks for anew."""

import subprocess
import sys
from pathlib import Path

FOLDER = Path("requirements")
COMMON = [
    "uv", "pip", "compile", "pyproject.toml", "--quiet", "--no-config",
    "--universal", "--python-version", "3.11", "--generate-hashes",
    # Where packages come from is each machine's own matter.
    "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links",
]  # fmt: skip


def main(arguments: list[str]) -> int:
    renew = [] if "--keep" in arguments else ["--upgrade"]
    everything = FOLDER / "test.txt"
    subprocess.run([*COMMON, *renew, "--all-extras", "-o", str(everything)], check=True)  # noqa: S603
    # The smaller sets take the same versions, so that one environment can serve all.
    same = ["--upgrade", "--constraint", str(everything)]
    run = FOLDER / "run.txt"
    subprocess.run([*COMMON, *same, "-o", str(run)], check=True)  # noqa: S603
    embedded = FOLDER / "embedded.txt"
    subprocess.run([*COMMON, *same, "--extra", "embedded", "-o", str(embedded)], check=True)  # noqa: S603
    embedded.write_text(without(embedded.read_text(), run.read_text()))
    # A process of its own: this file is run by its path, so that its folder is what it can import.
    subprocess.run([sys.executable, "-m", "launcher.bill"], check=True)
    return 0


def without(lock: str, other: str) -> str:
    """The entries of `lock` that `other` does not hold."""
    known = set(entries(other))
    return "".join(entry for entry in entries(lock) if entry not in known)


def entries(lock: str) -> list[str]:
    """Each package with the lines of its hashes."""
    found: list[str] = []
    for line in lock.splitlines(keepends=True):
        if line.startswith(" "):
            found[-1] += line
        else:
            found.append(line)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
