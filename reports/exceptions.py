class BadSelection(Exception):
    """Options that an export can't have; `option` names the first that is wrong."""

    def __init__(self, option: str, message: str) -> None:
        super().__init__(message)
        self.option = option
