#!/usr/bin/env python
import os
import sys

import config  # noqa: F401  (puts queue/ on the path before Django looks for its apps)


def main() -> None:
    if sys.argv[1:2] == ["witness"]:
        # It runs on another machine, which has neither settings nor database of a portal.
        from waiting_room.offline import witness

        sys.exit(witness.main(sys.argv[2:]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
