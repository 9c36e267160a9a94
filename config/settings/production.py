"""A real campaign, behind TLS. Everything comes from the environment."""

from django.core.exceptions import ImproperlyConfigured

from config.settings.base import *  # noqa: F403
from config.settings.base import INSTALLED_APPS, SILENCED_SYSTEM_CHECKS, env, proxies, required

ALLOWED_HOSTS = required("ALLOWED_HOSTS", "the portal's host names, separated by commas.").split(
    ","
)
PUBLIC_URL = required("JARI_PUBLIC_URL", "the portal's address, for links in messages.")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL.rstrip("/")]
# Every caller would have the proxy's address, and share its limits, were this left out.
PROXIES = proxies(
    required("JARI_PROXIES", "how many proxies of yours add to X-Forwarded-For; 0 means none.")
)
# Readable files are no channel for real people, unless somebody says so.
OUTBOX_ALLOWED = env.bool("JARI_OUTBOX_ALLOWED", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
SECURE_HSTS_SECONDS = 60 * 60 * 24 * 365
# Every name below the portal's own; 0 where one of them is not behind TLS.
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("JARI_HSTS_SUBDOMAINS", default=True)
# Being in the lists of the browsers can't be undone for months: whoever owns the domain decides.
SECURE_HSTS_PRELOAD = env.bool("JARI_HSTS_PRELOAD", default=False)
SILENCED_SYSTEM_CHECKS = [
    *SILENCED_SYSTEM_CHECKS,
    *([] if SECURE_HSTS_INCLUDE_SUBDOMAINS else ["security.W005"]),  # said on purpose
    *([] if SECURE_HSTS_PRELOAD else ["security.W021"]),
]
COOKIE_PREFIX = "__Host-"
SESSION_COOKIE_NAME = "__Host-sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken"
LANGUAGE_COOKIE_NAME = "__Host-jari_language"
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
LANGUAGE_COOKIE_SECURE = True
SAMPLE = SAMPLE_DRAWS = False
# The sample campaign and the crowd that tries it: nothing that real people need.
INSTALLED_APPS = [app for app in INSTALLED_APPS if app != "rehearsal"]
DRAW_SOURCE = required("JARI_DRAW_SOURCE", "drand, officers or stated (docs/line-log.md).")
if DRAW_SOURCE not in ("drand", "officers", "stated"):
    raise ImproperlyConfigured("JARI_DRAW_SOURCE: write drand, officers or stated.")
