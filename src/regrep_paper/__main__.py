"""``python -m regrep_paper`` is the command ``regrep``."""

import sys

from regrep_paper.cli import main

if __name__ == "__main__":
    sys.exit(main())
