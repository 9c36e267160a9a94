from . import services


def apply_due_changes() -> None:
    services.apply_due_changes()
