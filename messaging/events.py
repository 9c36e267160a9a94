"""Messages in a person's event line."""

from django.utils.translation import gettext_lazy as _

from events.kinds import Kind
from events.sources import Source
from messaging.enums import KAKAO, Channel
from messaging.hooks import name_of

_KAKAO = _("KakaoTalk notice")
ALIMTALK_FAILED = "alimtalk_failed"


def _channel(value: str) -> object:
    return _KAKAO if value == KAKAO else Channel(value).label


_WORDS = {"message": name_of, "channel": _channel}

# One for each status, as message_<status>.
KINDS = [
    Kind("message_unwritten", _("message waits to be sent: %(message)s"), _WORDS),
    Kind("message_waiting", _("message waits to be sent: %(message)s (%(channel)s)"), _WORDS),
    Kind(
        "message_sent",
        _("message handed over: %(message)s (%(channel)s)"),
        _WORDS,
    ),
    Kind("message_failed", _("message could not be delivered: %(message)s (%(channel)s)"), _WORDS),
    Kind("letter_waits", _("letter waits to be printed: %(message)s"), _WORDS),
    Kind("letter_printed", _("letter printed: %(message)s"), _WORDS),
    Kind("message_expired", _("message not sent, it came too late: %(message)s"), _WORDS),
    Kind("message_delivered", _("message delivered: %(message)s (%(channel)s)"), _WORDS),
    Kind(
        "message_undelivered",
        _("message did not arrive: %(message)s (%(channel)s, %(reason)s)"),
        _WORDS,
    ),
    # Recorded (messaging.receipts): the row goes on as a text message.
    Kind(
        ALIMTALK_FAILED,
        _("KakaoTalk notice did not arrive, sent as a text message instead: %(message)s"),
        _WORDS,
    ),
]

SQL = """
SELECT coalesce(sent_at, created_at), CASE
        WHEN channel = 'letter' AND status = 'waiting' THEN 'letter_waits'
        WHEN channel = 'letter' AND status = 'sent' THEN 'letter_printed'
        ELSE 'message_' || status
    END, NULL::bigint, coalesce(nullif(printed_by, ''), 'system'),
    jsonb_build_object(
        'message', kind, 'tries', tries,
        'channel', CASE WHEN gateway = 'kakao' THEN gateway ELSE channel END
    )
FROM messaging_message
WHERE person_id = %(person)s AND (not_before IS NULL OR not_before <= jari_now())
UNION ALL
SELECT receipt_at, CASE receipt
        WHEN 'delivered' THEN 'message_delivered' ELSE 'message_undelivered'
    END, NULL::bigint, 'system',
    jsonb_build_object(
        'message', kind, 'reason', receipt_reason,
        'channel', CASE WHEN gateway = 'kakao' THEN gateway ELSE channel END
    )
FROM messaging_message WHERE person_id = %(person)s AND receipt <> ''
"""

SOURCE = Source("messaging", KINDS, SQL)
