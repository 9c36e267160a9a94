"""A real campaign, behind TLS. Everything comes from the environment."""

from django.core.exceptions import ImproperlyConfigured

from config.settings.base import *  # noqa: F403
from config.settings.base import env, proxies, required

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
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
LANGUAGE_COOKIE_SECURE = True
SAMPLE = SAMPLE_DRAWS = False
DRAW_SOURCE = required("JARI_DRAW_SOURCE", "drand, officers or stated (docs/line-log.md).")
if DRAW_SOURCE not in ("drand", "officers", "stated"):
    raise ImproperlyConfigured("JARI_DRAW_SOURCE: write drand, officers or stated.")
