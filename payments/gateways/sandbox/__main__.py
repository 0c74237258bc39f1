"""Runs a sandbox gateway without Django: `python -m payments.gateways.sandbox --port 8011 --database PATH`."""

import sys

from payments.gateways.sandbox.cli import main

if __name__ == "__main__":
    sys.exit(main())
