from typing import NamedTuple

from django.utils.translation import gettext

from web.language import reads_korean


class Words(NamedTuple):
    """A text in both languages, for files that carry both; as a text, the reader's.

    A definition is read by programs that have no active language. On pages for citizens the other
    languages have the English text in their catalogues.
    """

    ko: str
    en: str

    def __str__(self) -> str:
        return self.ko if reads_korean() else gettext(self.en)
