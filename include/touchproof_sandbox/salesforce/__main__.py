"""`python -m touchproof_sandbox.salesforce --dir DIR`: serve one folder in this process."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from touchproof.errors import TouchproofError
from touchproof_sandbox.salesforce.lifecycle import serve_foreground


def main() -> int:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="touchproof_sandbox.salesforce")
    parser.add_argument("--dir", type=Path, required=True, help="folder of the server's state")
    try:
        serve_foreground(parser.parse_args().dir)
    except TouchproofError as error:
        print(error, file=sys.stderr)  # noqa: T201  a command's own message
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
