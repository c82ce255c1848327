"""A server of the tests ends when whoever started it is gone, also when that was killed."""

import os
import time


def end_with(pid):
    """Ends this process as soon as there is no process `pid`: for a thread of its own."""
    while os.path.exists(f"/proc/{pid}"):
        time.sleep(0.5)
    os._exit(0)
