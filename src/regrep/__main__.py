"""``python -m regrep`` is the command ``regrep``."""

import sys

from regrep.cli import main

if __name__ == "__main__":
    sys.exit(main())
