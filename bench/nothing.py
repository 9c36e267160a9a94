"""A server that does nothing: what the load generator alone can do (granian, RSGI)."""


async def application(_scope, protocol) -> None:
    protocol.response_str(200, [("content-type", "text/plain")], "ok")
