from waiting_room import services
from waiting_room.services import drawing


def tick() -> None:
    services.tick_rooms()


def tell() -> None:
    services.tell_people()


def fetch_beacons() -> None:
    drawing.fetch_beacons()
