"""Starts the portal and its services on one machine, for developers, tests and benches.

Plain Python without Django. Production runs the same commands by its own service manager
(docs/running.md).
"""
