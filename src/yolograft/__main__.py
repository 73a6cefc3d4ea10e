"""`python -m yolograft`."""

import sys

from yolograft.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
