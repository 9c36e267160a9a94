class NotSentAgain(Exception):
    """The message may not be sent again; the text says why, for staff."""


class ChannelProblem(Exception):
    """The channel did not take the message; a later try may succeed."""


class GatewaysRest(ChannelProblem):
    """All gateways of the channel failed lately and rest; none was asked."""
