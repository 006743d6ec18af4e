"""Check references while an audit hook waits for a lock whose owner collects, or ends a thread.

Prints how that ended, and how long it took.  The argument says what the owner of the lock does.
"""

import gc
import json
import sys
import threading
import time

import inspector
from inspector.checks import assert_refcount_unchanged

LOCK = threading.Lock()
MAIN = threading.get_ident()
waiting = threading.Event()
armed = threading.Event()
collecting = threading.Event()


def note_begin(phase: str, _: object) -> None:
    if phase == "start":
        collecting.set()


def note_end(phase: str, _: object) -> None:
    if phase == "stop":
        collecting.clear()


def hook(event: str, _: object) -> None:
    # While the reader itself collects, another thread's collection does nothing.
    if not armed.is_set() or collecting.is_set():
        return
    if event == "ctypes.call_function" and threading.get_ident() == MAIN:
        armed.clear()
        waiting.set()
        with LOCK:
            pass


class Box:
    """What is checked."""


def hold_lock() -> None:
    with LOCK:
        held.set()
        waiting.wait()
        if sys.argv[1] == "collects":
            gc.collect()
        else:
            ending = threading.Thread(target=Box)
            ending.start()
            ending.join()


def check() -> str:
    try:
        with assert_refcount_unchanged(Box):
            gc.callbacks.append(note_end)  # behind those of the check
            armed.set()
    except inspector.InspectorError as error:
        return type(error).__name__
    finally:
        gc.callbacks.remove(note_end)
    return "passed"


gc.callbacks.append(note_begin)
check()
armed.clear()
sys.addaudithook(hook)
held = threading.Event()
holder = threading.Thread(target=hold_lock, daemon=True)
holder.start()
held.wait()
begin = time.monotonic()
first = check()
holder.join()
seconds = time.monotonic() - begin
print(json.dumps({"waited": waiting.is_set(), "first": first, "seconds": seconds, "then": check()}))
