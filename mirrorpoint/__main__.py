"""`python -m mirrorpoint` is the command `mirrorpoint`."""

import sys

from worker.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
