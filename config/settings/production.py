"""A real campaign behind TLS, configured by environment variables alone."""

from django.core.exceptions import ImproperlyConfigured

from config.settings.base import *  # noqa: F403
from config.settings.base import INSTALLED_APPS, SILENCED_SYSTEM_CHECKS, env, proxies, required

ALLOWED_HOSTS = required("ALLOWED_HOSTS", "the portal's host names, separated by commas.").split(
    ","
)
PUBLIC_URL = required("JARI_PUBLIC_URL", "the portal's address, for links in messages.").rstrip("/")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
# No default: behind a proxy 0 would give all callers the proxy's address and one common limit.
PROXIES = proxies(
    required("JARI_PROXIES", "how many proxies of yours add to X-Forwarded-For; 0 means none.")
)
# Message files are no channel for real people, unless it is switched on explicitly.
OUTBOX_ALLOWED = env.bool("JARI_OUTBOX_ALLOWED", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
# Asked by the orchestrator and by Prometheus, past the proxy.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 60 * 60 * 24 * 365
# Includes all subdomains of the portal's host; set 0 if one of them is not behind TLS.
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("JARI_HSTS_SUBDOMAINS", default=True)
# The browsers' preload lists can't be left for months: a decision of the domain's owner.
SECURE_HSTS_PRELOAD = env.bool("JARI_HSTS_PRELOAD", default=False)
SILENCED_SYSTEM_CHECKS = [
    *SILENCED_SYSTEM_CHECKS,
    *([] if SECURE_HSTS_INCLUDE_SUBDOMAINS else ["security.W005"]),  # switched off explicitly
    *([] if SECURE_HSTS_PRELOAD else ["security.W021"]),
]
DRILL_DAYS = env.int("JARI_DRILL_DAYS", default=8)
COOKIE_PREFIX = "__Host-"
SESSION_COOKIE_NAME = "__Host-sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken"
LANGUAGE_COOKIE_NAME = "__Host-jari_language"
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
LANGUAGE_COOKIE_SECURE = True
SAMPLE = SAMPLE_DRAWS = False
# Sample data and load tests are not installed.
INSTALLED_APPS = [app for app in INSTALLED_APPS if app != "rehearsal"]
DRAW_SOURCE = required("JARI_DRAW_SOURCE", "drand, officers or stated (docs/line-log.md).")
if DRAW_SOURCE not in ("drand", "officers", "stated"):
    raise ImproperlyConfigured("JARI_DRAW_SOURCE: write drand, officers or stated.")
