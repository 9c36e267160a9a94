from messaging import budget, services


def send_codes() -> None:
    services.send_codes()


def sweep() -> None:
    services.send_waiting()


def count() -> None:
    budget.count()
