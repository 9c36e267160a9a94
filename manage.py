#!/usr/bin/env python
import os
import sys

import config  # noqa: F401  (puts queue/ on the path before Django looks for its apps)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
