"""`make cluster`: a portal on many hosts, played by processes on this one.

Configurations are those of deploy/cluster, filled in for 127.0.0.1.
"""
