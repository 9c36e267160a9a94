"""Languages of the portal. Citizens' pages and messages are in all of them."""

from django.utils.translation import gettext_lazy as _

LANGUAGE_CODE = "ko"
LANGUAGES = [
    ("ko", _("Korean")),
    ("en", _("English")),
    ("zh-hans", _("Chinese")),
    ("vi", _("Vietnamese")),
]
# The first two are those of the admin (STAFF_LANGUAGES), and of what the authority writes: names
# of cohorts and vaccines, statements, sheets of questions. Readers of the others get English.
