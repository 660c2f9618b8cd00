"""monitoring/evidently_page.py: the same products give the same page, whatever the process."""

import hashlib
import os
import pickle
import subprocess
import sys

SCRIPT = """
import hashlib, pickle, sys
from aisle.monitoring import evidently_page
reference, batch = pickle.load(sys.stdin.buffer)
print(hashlib.sha256(evidently_page.html(reference, batch).encode()).hexdigest())
"""


def test_two_processes_make_the_same_page(observed):
    """Strings have other hashes in each, and with them sets of strings another order."""
    both = pickle.dumps((observed(80, 0, bare=0.3), observed(40, 1, bare=0.3)))

    def digest(seed):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", SCRIPT]
        done = subprocess.run(command, input=both, env=environment, capture_output=True, check=True)
        assert done.stderr == b"", done.stderr.decode()
        return done.stdout.decode().split()

    (first,) = digest("1")
    assert len(first) == len(hashlib.sha256().hexdigest()) and digest("2") == [first]
