"""The pipeline's scripts, each for a stage of dvc.yaml or for a group of them.

Each runs in a process of its own, of which imports are a large part. They make objects by the million and
hardly any garbage, so that Python's collector looks through them for nothing: with a higher threshold it does
so less often, and at the end of the process not at all. Together that is a third to one second of a stage.
"""

import atexit
import gc

gc.set_threshold(50_000, 20, 20)
atexit.register(gc.freeze)
