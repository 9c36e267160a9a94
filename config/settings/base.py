"""Common settings. A missing or invalid variable stops the start with what to set."""

import base64
import binascii
import sys
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import django_stubs_ext
import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping

from config import error_reports
from database.silence import GuardedConnection
from outside import redis
from waiting_room.tlog.witnessing import BadWitness, Witness, majority, parse_witnesses

from .database import database_settings
from .exports import export_storages, export_targets, report_days
from .finder import directions
from .languages import LANGUAGE_CODE as LANGUAGE_CODE
from .languages import LANGUAGES as LANGUAGES
from .logs import logging_settings
from .messages import anymail, kakao_templates, message_budgets
from .recovery import backup_settings

# Django's generic classes take the type of their rows: ModelAdmin[Cohort], QuerySet[Slot].
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent.parent


class FileVariables(FileAwareMapping):  # type: ignore[misc]  # django-environ has no types
    """The environment, where NAME is read from the file that NAME_FILE names, if there is one: as
    systemd's credentials, secrets of Kubernetes and the agents of vaults are handed over."""

    def __getitem__(self, key: str) -> str:
        try:
            value: str = super().__getitem__(key)
        except OSError as error:
            raise ImproperlyConfigured(
                f"{key}_FILE: {error.filename} can't be read ({error.strerror})."
            ) from None
        return value.strip() if f"{key}_FILE" in self.env else value


class Variables(environ.Env):  # type: ignore[misc]
    ENVIRON = FileVariables()


env = Variables()


def required(name: str, hint: str) -> str:
    """The variable `name`; ImproperlyConfigured with `hint` if it is missing or empty."""
    value: str = env.str(name, default="")
    if not value:
        raise ImproperlyConfigured(f"Set {name}: {hint}")
    return value


def proxies(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) < 10):
        raise ImproperlyConfigured("JARI_PROXIES: write a number from 0 to 9.")
    return int(text)


def _origins(provider: dict[str, Any]) -> list[str]:
    """Where an identity provider's pages may be."""
    parts = urlsplit(provider["issuer"])
    further = [f"https://{host}" for host in provider.get("hosts", [])]
    return [f"{parts.scheme}://{parts.netloc}", *further]


def numbered_keys(name: str, text: str) -> list[tuple[int, bytes]]:
    """Parse `id:base64,id:base64`, the value of `name`, into (id, 32 bytes) pairs; the first
    writes."""
    pairs = []
    for part in text.split(","):
        number, _sep, encoded = part.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
            pair = (int(number), key)
        except (ValueError, binascii.Error):
            raise ImproperlyConfigured(
                f"{name}: write each key as NUMBER:BASE64, separated by commas."
            ) from None
        if len(key) != 32 or not 0 < pair[0] < 256:
            raise ImproperlyConfigured(
                f"{name}: each key is 32 bytes in base64, its number from 1 to 255."
            )
        pairs.append(pair)
    if len(dict(pairs)) < len(pairs):
        raise ImproperlyConfigured(f"{name}: two keys have the same number.")
    return pairs


def log_keys(text: str) -> list[bytes]:
    """Parse `base64,base64` into Ed25519 private keys (32 bytes), the newest first."""
    try:
        keys = [base64.b64decode(part.strip(), validate=True) for part in text.split(",")]
    except (ValueError, binascii.Error):
        keys = [b""]
    if not all(len(key) == 32 for key in keys):
        raise ImproperlyConfigured("JARI_LOG_KEYS: each key is 32 bytes in base64, comma between.")
    return keys


def witnesses(text: str, quorum: str) -> tuple[tuple[Witness, ...], int]:
    """Parse `NAME KEY URL, NAME KEY URL, …`, and how many of them are needed."""
    try:
        witnesses = parse_witnesses(text)
    except BadWitness as error:
        raise ImproperlyConfigured(f"JARI_WITNESSES: {error}") from None
    needed = quorum or str(majority(len(witnesses)))
    if not (needed.isascii() and needed.isdecimal() and int(needed) <= len(witnesses)):
        raise ImproperlyConfigured(
            f"JARI_WITNESS_QUORUM: write a number from 0 to {len(witnesses)}, as many as witnesses."
        )
    return witnesses, int(needed)


def one_of(name: str, *values: str) -> str:
    """The variable `name`, the first of `values` if it is not set."""
    value: str = env.str(name, default=values[0])
    if value not in values:
        raise ImproperlyConfigured(f"{name}: write {' or '.join(values)}.")
    return value


def minutes(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 60):
        raise ImproperlyConfigured(f"{name}: write a number of minutes from 1 to 60.")
    return int(text)


SECRET_KEY = required("SECRET_KEY", "a long random text, the same on every node.")
# Earlier keys, whose signatures are still accepted; keep one as long as the longest cookie lives.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
# Personal data is encrypted under the first key and read under any of them.
_KEY = "NUMBER:BASE64 of 32 random bytes."
DATA_KEYS = numbered_keys("JARI_DATA_KEYS", required("JARI_DATA_KEYS", _KEY))
# Public logs are signed with all of these keys, so that verifiers know a new key before the old
# one is removed (docs/line-log.md).
LOG_KEYS = log_keys(required("JARI_LOG_KEYS", "BASE64 of 32 random bytes."))
# Blind indexes are written under the first key and looked up under each of them. Apart from the
# data keys, whose rotation must not change the indexes.
INDEX_KEYS = numbered_keys("JARI_INDEX_KEYS", required("JARI_INDEX_KEYS", _KEY))

DEBUG = False
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
HOME = Path(env.str("JARI_HOME", default=str(BASE_DIR / "var")))
# A sample campaign shows each message on the page, so that a newcomer can finish the path.
SAMPLE = env.bool("JARI_SAMPLE", default=False)

INSTALLED_APPS = [
    "database",
    "outside",  # its rqcron comes before django_rq's
    "events",
    "reports",
    "recovery",
    "vaccination",
    "booking",
    "waiting_room",
    "eligibility",
    "bulk",
    "statements",
    "staff",
    "messaging",
    "rehearsal",
    "staff.apps.PortalAdminConfig",  # django.contrib.admin with our site
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.forms",  # widget templates for TemplatesSetting; templates/ overrides its field.html
    "django_otp",
    "django_rq",
    "pgtrigger",
    "pghistory",
    "csp",
]

MIDDLEWARE = [
    "web.request_ids.RequestIdMiddleware",
    "web.measured.MeasuredMiddleware",
    "web.transport.TransportMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "web.compression.PageCompressionMiddleware",
    "web.content_security_policy.PolicyMiddleware",
    "staff.middleware.StaffSessionMiddleware",
    "web.language.LanguageMiddleware",
    "web.error_pages.ErrorPageMiddleware",
    "staff.middleware.StaffLanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "eligibility.acting.ActingMiddleware",
    "staff.middleware.StaffAuthenticationMiddleware",
    "staff.middleware.SecondFactorMiddleware",
    "staff.middleware.StaffMessageMiddleware",
    "staff.middleware.NoNulMiddleware",
    "staff.middleware.DoorMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "staff.middleware.HistoryContextMiddleware",
    "staff.middleware.QueuePagesMiddleware",
    "web.outage.OutageMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["web.templatetags.form_tokens"],
            "libraries": {
                "cached_fragments": "web.templatetags.cached_fragments",
                "times": "web.templatetags.times",
            },
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.context.portal",
            ],
        },
    },
]

# Tables are made and granted by their owner, whose address nothing else needs (database/roles.py).
_OWNER_URL = env.str("DATABASE_OWNER_URL", default="")
_AS_OWNER = bool(_OWNER_URL) and sys.argv[1:2] in (["migrate"], ["database_roles"])
DATABASE_ROLE = env.str("JARI_DATABASE_ROLE", default="jari_app")
DATABASES = {
    "default": database_settings(
        _OWNER_URL
        if _AS_OWNER
        else required("DATABASE_URL", "postgres://USER:PASSWORD@HOST:PORT/NAME"),
        # A process that dies or hangs while holding locks must not stop the line.
        options="-c idle_in_transaction_session_timeout=15s -c lock_timeout=10s -c timezone=UTC",
        # Without a pool most of a short request's time goes into connecting.
        pool={
            "min_size": env.int("DATABASE_POOL_MIN", default=1),
            "max_size": env.int("DATABASE_POOL_MAX", default=22),
            "timeout": 10,
            # Tried anew for each page rather than less and less often, up to minutes apart.
            "reconnect_timeout": 3,
            "connection_class": GuardedConnection,
        },
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = required("REDIS_URL", "redis://HOST:PORT/0")
_WORKS = bool({"rqworker", "rqcron"} & set(sys.argv))
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        # Its own Redis database: clearing the cache must not clear the queues.
        "LOCATION": [env.str("JARI_CACHE_URL", default=redis.next_database(REDIS_URL))],
        "OPTIONS": redis.CACHE_OPTIONS,
        "KEY_PREFIX": "jari",
    },
    "queues": redis.queue_cache(REDIS_URL, waits=_WORKS),
    # Per process, for values that may be some seconds old.
    "local": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "jari"},
}
# Queue → time limit of a job, in seconds. `line` and `codes` are only for the tick and the sign-in
# codes, which an import must not delay. Workers wait for Redis without a time limit, pages don't.
_QUEUES = {"line": 30, "codes": 60, "messages": 60, "default": 300, "exports": 3600}
_RQ = redis.queue_connection(REDIS_URL, waits=_WORKS) | {"SERIALIZER": "json"}
RQ_QUEUES = {name: _RQ | {"DEFAULT_TIMEOUT": seconds} for name, seconds in _QUEUES.items()}
RQ = {"WORKER_CLASS": "outside.workers.worker_for"}
RQ_SHOW_ADMIN_LINK = True

AUTH_USER_MODEL = "staff.User"
AUTHENTICATION_BACKENDS = ["staff.backends.RoleBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "staff.passwords.LengthValidator"},
    {"NAME": "staff.passwords.KnownPasswordValidator"},
    {"NAME": "staff.passwords.ServiceWordValidator"},
]
PASSWORD_RESET_TIMEOUT = 60 * 60 * 24 * 3  # an invitation: over a weekend
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
SESSION_ENGINE = "staff.sessions"
SESSION_COOKIE_AGE = 60 * 60 * 10  # a working day at the clinic, however busy
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
# Computers at the counter are shared: an idle session ends.
STAFF_IDLE_MINUTES = env.int("JARI_STAFF_IDLE_MINUTES", default=30)

STAFF_LANGUAGES = ["ko", "en"]  # see .languages
COOKIE_PREFIX = ""  # of all cookies; "__Host-" in production (web/cookies.py)
LANGUAGE_COOKIE_NAME = "jari_language"
LANGUAGE_COOKIE_AGE = 60 * 60 * 24 * 365
LANGUAGE_COOKIE_SAMESITE: Literal["Lax"] = "Lax"
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "Asia/Seoul"
USE_TZ = True

EXPORT_TARGETS = export_targets(env, HOME)  # where schedules deliver
EXPORT_DAYS = env.int("JARI_EXPORT_DAYS", default=7)  # how long files of exports are kept
BACKUPS = backup_settings(env, HOME)
# How often a drill must pass (manage.py drill); 0 expects none.
DRILL_DAYS = env.int("JARI_DRILL_DAYS", default=0)
MINUTE_DAYS, EVENING_DAYS = report_days(env)  # how long these and reports of evenings are kept
OPEN_LICENCE = env.str("JARI_OPEN_LICENCE", default="")  # of public numbers; may end with a link
STATIC_URL = "/static/"
STATIC_ROOT = env.path("STATIC_ROOT", default=str(BASE_DIR / "staticfiles"))()
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    **export_storages(env, EXPORT_TARGETS),
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SERVICE_WORKER = env.bool("JARI_SERVICE_WORKER", default=True)  # false removes it everywhere
CSRF_FAILURE_VIEW = "config.views.form_expired"
# Identity providers besides the phone code, as a JSON list (eligibility/providers.py).
PROVIDERS = env.json("JARI_PROVIDERS", default=[])
STAFF_PROVIDER = env.json("JARI_STAFF_PROVIDER", default={})  # one (staff/door/provider.py)
_ALL_PROVIDERS = [*PROVIDERS, *filter(None, [STAFF_PROVIDER])]
# Seconds that a provider may take in all to exchange its code; no page waits that long.
PROVIDER_SECONDS = env.float("JARI_PROVIDER_SECONDS", default=20.0)
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "media-src": [SELF],
        # The sign-in form is redirected to an identity provider, which form-action restricts too.
        "form-action": [SELF, *sorted({at for each in _ALL_PROVIDERS for at in _origins(each)})],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

RATELIMIT_USE_CACHE = "default"
SILENCED_SYSTEM_CHECKS = [
    "django_ratelimit.W001",  # the callers of web.limits.over handle a missing Redis
    "django_ratelimit.E003",
]

# Who cosigns the logs of the lines, how many of them must have cosigned a closed list before its
# first person is called, and how long that is waited for (docs/line-log.md, "Witnesses").
WITNESSES, WITNESS_QUORUM = witnesses(
    env.str("JARI_WITNESSES", default=""), env.str("JARI_WITNESS_QUORUM", default="")
)
WITNESS_MINUTES = minutes("JARI_WITNESS_MINUTES", env.str("JARI_WITNESS_MINUTES", default="5"))

# Codes requested from one public address before a proof of work is needed: far above the traffic of
# a mobile carrier's shared address.
ADDRESS_LIMIT = env.str("JARI_ADDRESS_LIMIT", default="3000/5m")
# Source of the random number that fixes a draw (docs/line-log.md): drand, officers or stated. The
# sample campaign generates one itself ("sample"); production must name a source.
DRAW_SOURCE = env.str("JARI_DRAW_SOURCE", default="sample" if SAMPLE else "drand")
# With witnesses later, so that they have cosigned the closed list before its number exists.
DRAW_AFTER = env.int("JARI_DRAW_AFTER", default=3 if SAMPLE else 15 if WITNESSES else 6)
SAMPLE_DRAWS = SAMPLE
DRAND_URLS = env.list(
    "JARI_DRAND_URLS", default=["https://api.drand.sh", "https://drand.cloudflare.com"]
)

# Number of trusted proxies in front, each of which appends to X-Forwarded-For.
PROXIES = proxies(env.str("JARI_PROXIES", default="0"))

# Threads of one web process for pages; each uses a database connection.
WEB_THREADS = env.int("JARI_WEB_THREADS", default=8)
# Further threads for staff only, and for those who look up what they booked (config.lanes).
STAFF_THREADS = env.int("JARI_STAFF_THREADS", default=3)
LOOKUP_THREADS = env.int("JARI_LOOKUP_THREADS", default=3)
# Whether these two have a process of their own, beside those of the crowd (config.calm).
CALM_PROCESS = env.bool("JARI_CALM_PROCESS", default=True)
# Requests of a lane that may wait; further ones get 503.
WAITING_PAGES = env.int("JARI_WAITING_PAGES", default=1_000)
UPLOAD_MEGABYTES = env.int("JARI_UPLOAD_MEGABYTES", default=100)  # largest upload by staff

# Days that a sign-in lasts: people verify their identity ahead of the opening's rush.
IDENTITY_DAYS = env.int("JARI_IDENTITY_DAYS", default=14)
FAMILY_SIZE = env.int("JARI_FAMILY_SIZE", default=4)  # people that one proxy may book for
# People per phone and cohort who are neither on the roster nor certified.
HOUSEHOLD_SIZE = env.int("JARI_HOUSEHOLD_SIZE", default=5)
# Days that personal data is kept after the last cohort has closed; then `purge` destroys it.
KEEP_DAYS = env.int("JARI_KEEP_DAYS", default=180)
# Days after a vaccination that its answers are kept: the clinic asks back after a reaction.
QUESTIONNAIRE_DAYS = env.int("JARI_QUESTIONNAIRE_DAYS", default=30)
# Without a channel, messages are written as files under JARI_HOME, kept for OUTBOX_DAYS.
OUTBOX_ALLOWED = True
OUTBOX_DAYS = env.int("JARI_OUTBOX_DAYS", default=7)
DIRECTIONS = directions(env, sample=SAMPLE)  # maps to which pages of clinics link
MESSAGE_CHANNELS = env.dict("JARI_MESSAGE_CHANNELS", default={})  # sms=…,email=…,kakao=…
# What providers of mail and text messages need besides their address there (docs/operations.md).
ANYMAIL = anymail(env)
KAKAO_TEMPLATES = kakao_templates(env)
SOLAPI_SECRET = env.str("JARI_SOLAPI_SECRET", default="")  # of its reports; "" takes none
# Messages per hour and day, by kind. Above a budget new codes need a proof of work, and the
# operator is notified. `other` is the budget of each kind that is not named.
MESSAGE_BUDGETS = message_budgets(
    env.str("JARI_MESSAGE_BUDGETS", default="code=100000/1000000,other=300000/3000000")
)
MESSAGE_COST = env.float("JARI_MESSAGE_COST", default=20.0)  # of one message, in won
PUBLIC_URL = env.str("JARI_PUBLIC_URL", f"http://localhost:{env.int('PORT', 8000)}").rstrip("/")
CSRF_TRUSTED_ORIGINS = [f"{urlsplit(PUBLIC_URL).scheme}://{urlsplit(PUBLIC_URL).netloc}"]

LOGGING = logging_settings(
    one_of("JARI_LOG_FORMAT", "plain", "json"), env.str("LOG_LEVEL", default="INFO")
)
# Who may read /metrics from elsewhere than this machine (reports.metrics); "" nobody.
METRICS_TOKEN = env.str("JARI_METRICS_TOKEN", default="")
# Errors go to a Sentry, without bodies, cookies and personal data (config.error_reports); "" none.
SENTRY_DSN = env.str("JARI_SENTRY_DSN", default="")
error_reports.start(SENTRY_DSN)  # of every process: web, workers, cron
