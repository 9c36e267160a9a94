"""All measurements of docs/performance.md that fit into half an hour, by one command.

    python -m bench [--list] [--only join,bookings] [--quick] [--large] [--write]

Each part starts throw-away services of its own in a process of its own and measures every figure
beside a reference in the same run, by turns. A part that breaks off keeps the rows it has, and
costs no other part; `--only` repeats it. `--write` puts tables and pictures into
docs/performance.md, each part as soon as it is through.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from bench.figures import Found, Size, read_notes, table
from bench.parts import PARTS, Part
from bench.writing import machine, write_part
from launcher.home import ROOT

# Several times of what a part takes on a calm machine.
PATIENCE_MINUTES = 10
PATIENCE_MINUTES_LARGE = 60
# Those of a running portal or of a test run: a part measures services of its own.
SERVICES = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--list", action="store_true", help="name the parts, and what each is")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, comma between")
    parser.add_argument("--quick", action="store_true", help="a look in few minutes: noisy")
    parser.add_argument("--large", action="store_true", help="tables of ten million rows too")
    parser.add_argument("--write", action="store_true", help="into docs/performance.md")
    options = parser.parse_args()
    if options.list:
        for part in PARTS.values():
            print(f"{part.name:12} {part.about}")
        return 0
    names = options.only.split(",")
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    if options.write and options.quick:
        parser.error("--write wants whole measurements, not those of --quick")
    # Ended as by Ctrl-C: the part that runs is stopped with its services.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return run_all([PARTS[name] for name in names], options)


def run_all(parts: list[Part], options: argparse.Namespace) -> int:
    broken = []
    size = Size(quick=options.quick, large=options.large)
    for number, part in enumerate(parts, 1):
        print(f"\n{part.name} ({number} of {len(parts)}): {part.about}", flush=True)
        circumstances, began = machine(), time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            found = run(part, size, Path(folder))
            print(table(found.rows), end="")
            if options.write and found.rows:
                write_part(part, found, circumstances, Path(folder))
        print(f"{part.name} took {time.monotonic() - began:.0f} s", flush=True)
        if found.trouble:
            broken.append(f"{part.name}: {found.trouble}")
            print(broken[-1], flush=True)
    print(f"\n{len(parts) - len(broken)} of {len(parts)} parts went through.")
    for trouble in broken:
        print(f"  {trouble}; repeat it by --only {trouble.partition(':')[0]}")
    return 1 if broken else 0


def run(part: Part, size: Size, folder: Path) -> Found:
    """The part in a process of its own; what it noted in `folder` counts however it ends."""
    flags = [f"--{name}" for name in ("quick", "large") if getattr(size, name)]
    env = {name: value for name, value in os.environ.items() if name not in SERVICES}
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.parts", part.name, "--to", str(folder), *flags],
        cwd=ROOT, env=env | {"LOG_LEVEL": "ERROR"},
        start_new_session=True,  # ended with all servers that it has started
    )  # fmt: skip
    trouble = ""
    patience = PATIENCE_MINUTES_LARGE if size.large else PATIENCE_MINUTES
    try:
        if process.wait(patience * 60):
            trouble = f"ended with {process.returncode}, its last lines are above"
    except subprocess.TimeoutExpired:
        trouble = f"was not through after {patience} minutes"
    finally:
        end(process)
    found = read_notes(folder / "notes")
    found.trouble = trouble
    return found


def end(process: subprocess.Popen) -> None:
    """Asked first, so that it stops its services itself; then what is left of its group."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(30)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        raise SystemExit("Stopped.") from None
