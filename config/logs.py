import logging
import re

# Korean mobile numbers and birth dates, however they got into a line.
_PERSONAL = re.compile(
    r"(?:\+82|0)[-\s.]?1[016789][-\s.]?\d{3,4}[-\s.]?\d{4}"
    r"|\b(?:19\d\d|20[01]\d)[-./]?[01]\d[-./]?[0-3]\d\b"
)


class MaskPersonalData(logging.Filter):
    """The last net below calls that name nobody: masks what looks like a phone or birth date."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        masked = _PERSONAL.sub("…", message)
        if masked != message:
            record.msg, record.args = masked, ()
        return True


class OnlyWarnings(logging.Filter):
    """For loggers whose level somebody else sets."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING
