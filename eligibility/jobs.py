from . import services
from .services import purging


def apply_due_changes() -> None:
    services.apply_due_changes()


def purge() -> None:
    purging.purge()
