"""Whether this user may have real-time priority."""

import os

import pytest


def allowed() -> bool:
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        return False
    os.sched_setscheduler(0, *before)
    return True


needs_realtime = pytest.mark.skipif(not allowed(), reason="this user may not have real-time priority")
