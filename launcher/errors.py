class LauncherError(Exception):
    """A failure that the user can remove; the message is one sentence that says how."""
