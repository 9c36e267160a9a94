from reports import evening, files, minutes, open_data, schedules, scheduling_links


def make_file(file_id: int) -> None:
    files.make_file(file_id)


def record_minutes() -> None:
    minutes.record_minutes()


def make_reports() -> None:
    evening.make_due_reports()


def continue_files() -> None:
    schedules.start_due()
    files.continue_files()
    schedules.alarm()


def publish_numbers() -> None:
    open_data.publish_numbers()


def publish_slots() -> None:
    scheduling_links.publish()
