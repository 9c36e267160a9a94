"""Starts the portal and everything it needs on one machine, for newcomers, tests and benches.

Plain Python, no Django: production runs the same commands by its own means (docs/running.md).
"""
