"""One minute of tests/faults/soak.py."""

import sys

import soak

sys.exit(soak.main(["--minutes", "1", "--seed", "1"]))
