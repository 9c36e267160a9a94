import sys

from waiting_room.offline import witness
from web.commands import PortalCommand


class Command(PortalCommand):
    """Stands in the list of commands; manage.py itself runs the program, before any settings."""

    help = "Witness the logs of a portal, as queue/waiting_room/offline/witness.py does alone."
    requires_system_checks = []

    def run_from_argv(self, argv: list[str]) -> None:
        """All options are those of the program."""
        sys.argv[0] = " ".join(argv[:2])
        sys.exit(witness.main(argv[2:]))
