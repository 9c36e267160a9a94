import logging
import re

# Korean mobile numbers and birth dates, however they got into a line.
_PERSONAL = re.compile(
    r"(?:\+82|0)[-\s.]?1[016789][-\s.]?\d{3,4}[-\s.]?\d{4}|\b(?:19|20)\d{2}[-./]?[01]\d[-./]?[0-3]\d(?![\dT ])"
)


class MaskPersonalData(logging.Filter):
    """The last net: names never enter log calls, and what looks like a phone or birth date is masked."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        masked = _PERSONAL.sub("…", message)
        if masked != message:
            record.msg, record.args = masked, ()
        return True
