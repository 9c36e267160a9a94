from . import services


def take_back_holds() -> None:
    services.take_back_holds()
