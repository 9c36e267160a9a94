from waiting_room import services


def tick() -> None:
    services.tick_rooms()


def tell() -> None:
    services.tell_people()
