"""The security headers of every answer, whoever gives it: Django, the line, the web server."""

from django.conf import settings

Headers = list[tuple[str, str]]

# For what is no page; pages come with the policy of the settings (config/policy.py).
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
    """As django.middleware.security writes it for pages."""
    parts = [f"max-age={settings.SECURE_HSTS_SECONDS}"]
    if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS:
        parts.append("includeSubDomains")
    if settings.SECURE_HSTS_PRELOAD:
        parts.append("preload")
    return "; ".join(parts)


def completed(headers: Headers, with_these: Headers) -> Headers:
    """An answer's own headers come first: a page may have another policy."""
    names = {name for name, _value in headers}
    return [*headers, *(pair for pair in with_these if pair[0] not in names)]
