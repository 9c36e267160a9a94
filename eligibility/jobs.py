from eligibility import services
from eligibility.services import purging, uploads


def apply_due_changes() -> None:
    services.apply_due_changes()


def purge() -> None:
    purging.purge()


def run_upload(upload_id: int) -> None:
    uploads.run_upload(upload_id)
