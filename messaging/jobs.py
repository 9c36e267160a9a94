from messaging import services


def send(message_id: int) -> None:
    services.send_message(message_id)


def sweep() -> None:
    services.send_waiting()
