"""Why a drill did not succeed; each message is a sentence for those who run the portal."""


class DrillFailed(Exception):
    """What went wrong, in a sentence."""


class KeysMissing(DrillFailed):
    """Keys that the backups need are not here; raised before anything is restored."""
