from eligibility.services import changes, purging, uploads


def apply_due_changes() -> None:
    changes.apply_due_changes()


def purge() -> None:
    purging.purge()


def run_upload(upload_id: int) -> None:
    uploads.run_upload(upload_id)


def undo_upload(upload_id: int) -> None:
    uploads.run_undo(upload_id)
