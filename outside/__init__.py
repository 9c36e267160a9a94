"""What stands outside the portal and may be slow or gone: Redis, gateways, identity providers."""
