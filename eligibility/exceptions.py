"""Refusals: each message is written for the person who reads it."""


class Refusal(Exception):
    """The request can't be fulfilled; the message says what to do instead."""


class WrongCode(Refusal):
    """Not the code that was sent."""


class CodeExpired(Refusal):
    """The code's lifetime is over, or it was used already."""


class TooManyTries(Refusal):
    """All tries of this code are used; a new one must be asked for."""


class ResendTooSoon(Refusal):
    """The last code went out less than a minute ago."""


class DistrictUnclear(Refusal):
    """Several people of the roster share name, birth date and phone; the district must decide."""


class LimitReached(Refusal):
    """The pause between two codes to this phone is not over (code_limits.PACED)."""


class WorkNeeded(Refusal):
    """Many codes went to this phone, or for this source: a proof of work is needed."""


class ReviewRefused(Refusal):
    """This decision can't be reviewed, or not any more."""


class CorrectionRefused(Refusal):
    """This value of a person can't be corrected this way."""


class ProxyRefused(Refusal):
    """Booking for this person is not possible."""


class CardRefused(Refusal):
    """An identity card was seen, and what follows from it can't be done."""
