from waiting_room import services
from waiting_room.services import drawing


def tick() -> None:
    services.tick_rooms()


def settle_provisional() -> None:
    services.settle_provisional()


def tell() -> None:
    services.tell_people()


def fetch_beacons() -> None:
    drawing.fetch_beacons()
