class LauncherError(Exception):
    """A failure that the user can remove; the message is one sentence that says how."""


class DiskFullError(LauncherError):
    """There is no room to write; it goes away by itself as soon as there is some."""
