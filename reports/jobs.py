from reports import files


def make_file(file_id: int) -> None:
    files.make_file(file_id)


def continue_files() -> None:
    files.continue_files()
