"""`python -m crawler.replica [PID]`: serve all replicas until the parent process (PID, if it says its own) ends."""

import os
import sys

from crawler.replica.serve import serve

sys.exit(serve(int(sys.argv[1]) if len(sys.argv) > 1 else os.getppid()))
