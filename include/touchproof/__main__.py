"""`python -m touchproof` is the command `touchproof`."""

from touchproof.cli import main

main()
