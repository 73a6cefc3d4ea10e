"""`python -m yolograft`."""

import sys

from yolograft.cli import main

if __name__ == "__main__":
    sys.exit(main())
