"""`python -m crawler.replica`: serve all replicas until the parent process ends."""

import sys

from crawler.replica.serve import serve

sys.exit(serve())
