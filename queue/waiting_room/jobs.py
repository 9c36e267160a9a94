from waiting_room.services import (
    asking_witnesses,
    drawing,
    evening,
    provisional_tickets,
    telling,
    ticking,
)


def tick() -> None:
    ticking.tick_rooms()


def settle_provisional() -> None:
    provisional_tickets.settle_provisional()


def send_alerts() -> None:
    telling.send_alerts()


def close_evenings() -> None:
    evening.close_evenings()


def fetch_beacons() -> None:
    drawing.fetch_beacons()


def ask_witnesses() -> None:
    asking_witnesses.ask_witnesses()
