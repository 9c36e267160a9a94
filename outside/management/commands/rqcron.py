import logging
from typing import Any

from django_rq.management.commands import rqcron

from outside.cron import TakingTurns


class Command(rqcron.Command):
    help = "Starts RQ's cron. Of several such processes one acts, and another one when it ends."

    def handle(self, *args: Any, **options: Any) -> None:
        scheduler = TakingTurns(logging_level=getattr(logging, options["logging_level"]))
        scheduler.load_config_from_file(options["config_path"])
        scheduler.start()  # type: ignore[no-untyped-call]
