from waiting_room import services
from waiting_room.services import asking_witnesses, drawing


def tick() -> None:
    services.tick_rooms()


def settle_provisional() -> None:
    services.settle_provisional()


def send_alerts() -> None:
    services.send_alerts()


def fetch_beacons() -> None:
    drawing.fetch_beacons()


def ask_witnesses() -> None:
    asking_witnesses.ask_witnesses()
