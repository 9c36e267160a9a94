from . import services


def tick() -> None:
    services.tick_rooms()
