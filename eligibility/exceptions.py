"""Refusals: each message is written for the person who reads it."""


class Refusal(Exception):
    """Something a person asked for can't be done; the message says what to do instead."""


class WrongCode(Refusal):
    """Not the code that was sent."""


class CodeExpired(Refusal):
    """The code was not used in time, or was used up."""


class TooManyTries(Refusal):
    """All tries of this code are used; a new one must be asked for."""


class ResendTooSoon(Refusal):
    """The last code went out less than a minute ago."""


class DistrictUnclear(Refusal):
    """Several people of the roster share these details; only where they live tells them apart."""


class LimitReached(Refusal):
    """So many codes went to this phone that the next one has to wait."""


class WorkNeeded(Refusal):
    """Many codes went to this phone, or out for this source: a proof of work comes first."""


class ReviewRefused(Refusal):
    """This answer can't be looked at again, or not any more."""


class CorrectionRefused(Refusal):
    """What is held of a person can't be changed this way."""


class ProxyRefused(Refusal):
    """Booking for this person is not possible."""
