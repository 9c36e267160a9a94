class NotSentAgain(Exception):
    """The message may not be sent again; the text says why, for staff."""


class ChannelProblem(Exception):
    """The channel did not take the message; a later try may succeed.

    `unsure` if a gateway may have taken it all the same: it did not answer, or not readably.
    """

    def __init__(self, text: str, *, unsure: bool = False) -> None:
        super().__init__(text)
        self.unsure = unsure


class GatewaysRest(ChannelProblem):
    """All gateways of the channel failed lately and rest; none was asked."""
