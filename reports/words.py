from typing import NamedTuple

from web.language import reads_korean


class Words(NamedTuple):
    """A text in both languages, for files that carry both; as a text, the reader's.

    Not gettext: a definition is read by programs that have no active language.
    """

    ko: str
    en: str

    def __str__(self) -> str:
        return self.ko if reads_korean() else self.en
