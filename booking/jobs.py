from booking import services


def take_back_holds() -> None:
    services.take_back_holds()


def make_offers() -> None:
    services.make_offers()


def remind() -> None:
    services.remind()


def set_margins() -> None:
    services.set_all_margins()


def settle_reviews() -> None:
    services.settle_reviews()


def report_to_lines() -> None:
    services.report_to_lines()
