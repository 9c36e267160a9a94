"""Signing in: what it takes, in which order, and how often it may be tried."""
