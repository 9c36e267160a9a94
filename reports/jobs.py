from reports import files, schedules


def make_file(file_id: int) -> None:
    files.make_file(file_id)


def continue_files() -> None:
    schedules.start_due()
    files.continue_files()
    schedules.alarm()
