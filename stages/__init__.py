"""The pipeline's scripts, each for a stage of dvc.yaml or for a group of them.

Each runs in a process of its own, of which imports are a large part. They make objects by the million and
hardly any garbage, so that Python's collector looks through them for nothing: with a higher threshold it does
so less often, and at the end of the process not at all. Together that is a third to one second of a stage.
Under `make repro` the process is a fork of one that has imported the largest libraries before.
"""

import atexit
import gc
import os
import sys

if "AISLE_STAGE_SERVER" in os.environ and " ".join(sys.orig_argv[1:3]).startswith("-m stages."):
    from aisle.pipeline.stage_server import hand_over

    hand_over()
gc.set_threshold(50_000, 20, 20)
atexit.register(gc.freeze)
