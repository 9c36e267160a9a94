"""Django's backend for Postgres, which does not wait for a server that is away."""
