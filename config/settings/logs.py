from typing import Any


def logging_settings(form: str, level: str) -> dict[str, Any]:
    """LOGGING with lines in a form, plain or json, from a level on."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "plain": {
                "()": "config.logs.MaskedFormatter",
                "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
            },
            "json": {"()": "config.logs.JsonFormatter"},
        },
        # Log lines carry numbers (ticket, reservation), never a name, phone or birth date.
        "filters": {
            "personal": {"()": "config.logs.MaskPersonalData"},
            "caller": {"()": "config.logs.Caller"},
            "warnings": {"()": "config.logs.OnlyWarnings"},
        },
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": form,
                "filters": ["caller", "personal"],
            }
        },
        "root": {"handlers": ["console"], "level": level},
        # rq logs four lines per tick, one tick a second; failures are warnings or worse. The worker
        # sets its own logger's level when it starts, so that one needs a filter.
        "loggers": {
            "rq": {"level": "WARNING"},
            "rq.worker": {"filters": ["warnings"]},
            "apprise": {"level": "WARNING"},  # its INFO lines contain recipients
            # Their lines name the letters of a certificate, a person's name among them.
            "fontTools": {"level": "ERROR"},
            "fpdf": {"level": "ERROR"},
        },
    }
