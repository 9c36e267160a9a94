from bulk import working


def compare(upload_id: int) -> None:
    working.compare(upload_id)


def apply(upload_id: int) -> None:
    working.apply(upload_id)


def undo(upload_id: int) -> None:
    working.undo(upload_id)
