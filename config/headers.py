"""Security headers of every answer, from Django, the fast path or the web server."""

from django.conf import settings

Headers = list[tuple[str, str]]

# For answers that are no HTML pages; pages have CONTENT_SECURITY_POLICY of the settings.
BARE_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


def security_headers() -> Headers:
    headers = [
        ("content-security-policy", BARE_POLICY),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
    ]
    if settings.SECURE_HSTS_SECONDS:
        headers.append(("strict-transport-security", _transport_security()))
    return headers


def _transport_security() -> str:
    """The value that django.middleware.security sets for pages."""
    parts = [f"max-age={settings.SECURE_HSTS_SECONDS}"]
    if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS:
        parts.append("includeSubDomains")
    if settings.SECURE_HSTS_PRELOAD:
        parts.append("preload")
    return "; ".join(parts)


def completed(headers: Headers, defaults: Headers) -> Headers:
    """`headers` with those of `defaults` that are missing: a page may have its own policy."""
    names = {name for name, _value in headers}
    return [*headers, *(pair for pair in defaults if pair[0] not in names)]
