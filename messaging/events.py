"""Messages in a person's event line."""

from django.utils.translation import gettext_lazy as _

from events.kinds import Kind
from events.sources import Source
from messaging.enums import Channel
from messaging.hooks import name_of

_WORDS = {"message": name_of, "channel": lambda value: Channel(value).label}

# One for each status, as message_<status>.
KINDS = [
    Kind("message_unwritten", _("message waits to be sent: %(message)s"), _WORDS),
    Kind("message_waiting", _("message waits to be sent: %(message)s (%(channel)s)"), _WORDS),
    Kind(
        "message_sent",
        _("message sent, delivered to the network: %(message)s (%(channel)s)"),
        _WORDS,
    ),
    Kind("message_failed", _("message could not be delivered: %(message)s (%(channel)s)"), _WORDS),
    Kind("letter_waits", _("letter waits to be printed: %(message)s"), _WORDS),
    Kind("letter_printed", _("letter printed: %(message)s"), _WORDS),
    Kind("message_expired", _("message not sent, it came too late: %(message)s"), _WORDS),
]

SQL = """
SELECT coalesce(sent_at, created_at), CASE
        WHEN channel = 'letter' AND status = 'waiting' THEN 'letter_waits'
        WHEN channel = 'letter' AND status = 'sent' THEN 'letter_printed'
        ELSE 'message_' || status
    END, NULL::bigint, coalesce(nullif(printed_by, ''), 'system'),
    jsonb_build_object('message', kind, 'channel', channel, 'tries', tries)
FROM messaging_message
WHERE person_id = %(person)s AND (not_before IS NULL OR not_before <= jari_now())
"""

SOURCE = Source("messaging", KINDS, SQL)
