from messaging import budget, receipts, services


def send_codes() -> None:
    services.send_codes()


def sweep() -> None:
    services.send_waiting()
    receipts.ask_for_missing()


def count() -> None:
    budget.count()
