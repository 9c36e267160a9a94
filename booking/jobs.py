from booking import services


def take_back_holds() -> None:
    services.take_back_holds()


def make_offers() -> None:
    services.make_offers()


def remind() -> None:
    services.remind()


def set_margins() -> None:
    services.set_all_margins()


def report_to_lines() -> None:
    services.report_to_lines()
