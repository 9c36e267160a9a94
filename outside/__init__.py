"""Dependencies that may be slow or down: Redis, message gateways, identity providers."""
