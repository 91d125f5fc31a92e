"""The example clients of the bus and their central killed at random over many events, the database
restored from a copy once among them; then each client holds every event of the log, and none twice.

usage: PARKMESH=build/parkmesh /usr/bin/python3 tests/faults/bus_storm.py
       [--events 200000] [--kills 200] [--central-kills 20] [--seed 1]
Prints one JSON object. A small one is part of tests/e2e/test_25_bus.py.
"""

import argparse
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

from bus_clients import Storm  # pylint: disable=wrong-import-position
from cluster import Cluster  # pylint: disable=wrong-import-position


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=200000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--central-kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    cluster = Cluster("bus_storm")
    failed = True
    started = time.monotonic()
    try:
        storm = Storm(cluster, options.events, options.seed)
        storm.run(options.kills, options.central_kills)
        figures = storm.check(600)
        cluster.finish()
        failed = False
        print(json.dumps({**vars(options), **figures, "lost": 0, "doubled": 0,
                          "seconds": round(time.monotonic() - started, 1)}))
    finally:
        cluster.destroy(failed)


if __name__ == "__main__":
    main()
