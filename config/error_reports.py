"""Errors to a Sentry, where JARI_SENTRY_DSN names one (docs/operations.md).

A report says where and what kind, and nothing of people: no body, cookie, query, header, user,
local variable, breadcrumb or value of an exception. The request's id leads to our own log.
"""

from typing import Any

from config.logs import masked
from database.tracing import traced

# What may leave of a request, beside its method and the name of its address.
_ALLOWED = ("event_id", "timestamp", "platform", "level", "logger", "release", "environment",
            "server_name", "sdk", "modules", "contexts", "transaction_info")  # fmt: skip
_CONTEXTS = ("runtime", "os", "trace")
_FRAME = ("filename", "function", "module", "lineno", "abs_path", "in_app")


def start(dsn: str, **options: Any) -> None:
    """Report errors of this process from here on; nothing without a `dsn`."""
    if not dsn:
        return
    import sentry_sdk  # only where it is used: an extra of the package

    sentry_sdk.init(
        dsn,
        before_send=scrubbed,
        before_breadcrumb=lambda _crumb, _hint: None,
        include_local_variables=False,
        max_request_body_size="never",
        traces_sample_rate=0,
        trace_propagation_targets=[],
        auto_session_tracking=False,
        **options,
    )


def scrubbed(event: Any, _hint: Any = None) -> Any:
    """The event with what is listed here, and without everything else: a later version of the
    library may add what nobody here has thought of."""
    report = {name: event[name] for name in _ALLOWED if name in event}
    contexts = event.get("contexts", {})
    report["contexts"] = {name: contexts[name] for name in _CONTEXTS if name in contexts}
    report["transaction"] = _address(event.get("transaction"))
    report["tags"] = {"request": traced()}
    method = (event.get("request") or {}).get("method")
    if method:
        report["request"] = {"method": method}
    if "logentry" in event:
        # The message without its arguments.
        report["logentry"] = {"message": masked(str(event["logentry"].get("message", "")))}
    values = (event.get("exception") or {}).get("values") or []
    if values:
        report["exception"] = {"values": [_exception(value) for value in values]}
    return report


def _address(transaction: str | None) -> str:
    """The name of an address, as "/queue/{code}/join/"; Sentry's own default is the route."""
    return masked(transaction or "")


def _exception(value: dict[str, Any]) -> dict[str, Any]:
    """Its type and place. Its text may quote what was typed, of Postgres' errors whole rows."""
    frames = (value.get("stacktrace") or {}).get("frames") or []
    return {
        "type": value.get("type"),
        "module": value.get("module"),
        "stacktrace": {"frames": [_picked(frame) for frame in frames]},
    }


def _picked(frame: dict[str, Any]) -> dict[str, Any]:
    return {name: frame[name] for name in _FRAME if name in frame}
