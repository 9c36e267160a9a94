class ChannelProblem(Exception):
    """The channel did not take the message; trying again later may work."""


class GatewaysRest(ChannelProblem):
    """None of the channel's gateways answered lately, and none was asked."""
