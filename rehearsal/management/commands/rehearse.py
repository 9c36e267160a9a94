from importlib.util import find_spec
from typing import Any

from django.core.management.base import CommandError, CommandParser

from web.commands import PortalCommand

# Optional packages, which a portal needs for nothing else.
NEEDED = ("psutil", "selectolax")


class Command(PortalCommand):
    help = (
        "Play a scenario: send a crowd of sample citizens through the running portal over HTTP, "
        "then hold what each of them was told against the database. Ends with 1 if a promise broke."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--scenario", metavar="NAME|FILE", help="--list names them; without one an even crowd")
        add("--list", action="store_true", help="name the scenarios")
        add("--report", metavar="FOLDER", help="make the report of a journal anew, and end")
        add("--citizens", type=int, metavar="N", help="so many people (500 without a scenario)")
        add("--over", type=float, metavar="SECONDS", help="in which they come (60 without one)")
        add("--scale", type=float, metavar="F", help="further factor of the number of people")
        add("--time-scale", type=float, metavar="F", help="so many times as fast")
        add("--minutes", type=float, metavar="M", help="people come for M minutes, as densely")
        add("--cohort", help="code of an open cohort; by default as the scenario says")
        add("--host", help="addresses of the portal, comma between; by default where it runs here")
        add("--seed", type=int, default=1)
        add("--patience", type=float, help="seconds each one waits")
        add("--pace", type=int, metavar="N", help="let the room call N a minute at most meanwhile")
        add("--cap", type=int, metavar="N", help="let N people be inside at once meanwhile")
        add("--processes", type=int, metavar="N", help="of the load generator")
        add("--kill-web", action="store_true", help="kill -9 the web processes in the middle")
        add("--empty-redis", action="store_true", help="FLUSHALL on the portal's Redis then")
        add("--no-faults", action="store_true", help="leave the scenario's faults out")
        add(
            "--attack",
            action="store_true",
            help="attack this portal from loopback while the crowd comes: slow, silent and greedy "
            "connections, one kind after the other",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        missing = [name for name in NEEDED if find_spec(name) is None]
        if missing:
            raise CommandError(
                f"{' and '.join(missing)} are not installed. `make rehearse` installs them first."
            )
        # Not before: it needs them.
        from rehearsal.playing import Rehearsal

        Rehearsal(self.stdout, self.stderr, self.style).run(options)
