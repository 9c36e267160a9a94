"""Languages of the portal. Citizens' pages and messages are in all of them."""

from django.utils.translation import gettext_lazy as _

LANGUAGE_CODE = "ko"
LANGUAGES = [
    ("ko", _("Korean")),
    ("en", _("English")),
    ("zh-hans", _("Chinese")),
    ("vi", _("Vietnamese")),
]
# Languages of the admin, and of texts that the authority writes (names of cohorts and vaccines,
# statements, sheets of questions). Readers of the others get these in the second.
STAFF_LANGUAGES = ["ko", "en"]
