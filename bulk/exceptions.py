class BulkRefused(Exception):
    """An act on an upload that its state or the reader's rights don't allow; text for staff."""


class Outdated(Exception):
    """What a file would do now is not what its preview showed."""
