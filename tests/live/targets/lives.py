"""Threads in every stage of their lives; the argument says which, answers are JSON lines.

Reads itself, and prints what it saw.
"""

import ctypes
import gc
import json
import os
import sys
import threading

import inspector


class Subject:
    """What is counted."""


def say(answer: object) -> None:
    print(json.dumps(answer), flush=True)


def total() -> int:
    return inspector.refcount(Subject).total or 0


def arrays() -> None:
    """Count in one thread before the pool grows, and in another one after."""
    early, late, go = threading.Event(), threading.Event(), threading.Event()
    kept: list[object] = []

    def count(done: threading.Event) -> None:
        kept.append(Subject())
        done.set()
        go.wait()

    first = threading.Thread(target=count, args=(early,), name="early")
    first.start()
    early.wait()
    before = inspector.snapshot(unlisted=False)
    # A few more than there are free ids: enough to grow once, and never twice.
    classes = [type(f"Grow{number}", (), {}) for number in range(before.pool.free + 32)]
    kept.extend(classes[-1]() for _ in range(3))

    def count_newer() -> None:
        kept.append(classes[-1]())
        count(late)

    second = threading.Thread(target=count_newer, name="late")
    second.start()
    late.wait()
    snapshot = inspector.snapshot(unlisted=False)
    sizes = {thread.name: thread.array_size for thread in snapshot.threads}
    row = snapshot[classes[-1]]
    say(
        {
            "early": sizes["early"] == before.pool.capacity,
            "late": sizes["late"] == snapshot.pool.capacity,
            "grown": snapshot.pool.capacity // before.pool.capacity,
            "early_counts": row.contributions.get(first.native_id or 0),
            "late_counts": row.contributions.get(second.native_id or 0),
        }
    )
    go.set()
    first.join()
    second.join()


def ended() -> None:
    """Let a thread end: its counts are in the header, it is listed no more."""
    kept: list[object] = []
    target = inspector.attach()
    target.snapshot(unlisted=False)
    base = total()
    worker = threading.Thread(target=lambda: kept.extend(Subject() for _ in range(50)))
    worker.start()
    native = worker.native_id or 0
    worker.join()
    snapshot = target.snapshot(unlisted=False)
    say(
        {
            "moved": total() - base,
            "contributes": native in snapshot[Subject].contributions,
            "listed": native in [thread.native_id for thread in snapshot.threads],
        }
    )


def pygilstate() -> None:
    """Enter Python from a thread that Python did not start."""
    kept: list[object] = []
    seen: list[bool] = []
    base = total()

    def work(_: object) -> None:
        kept.extend(Subject() for _ in range(40))
        snapshot = inspector.snapshot(unlisted=False)
        seen.append(snapshot[Subject].contributions.get(threading.get_native_id()) == 40)

    libc = ctypes.CDLL(None)
    thread = ctypes.c_ulong()
    entry = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(work)
    libc.pthread_create(ctypes.byref(thread), None, entry, None)
    libc.pthread_join(thread, None)
    say({"inside": seen, "moved": total() - base})


def fork() -> None:
    """Make a child: it has only the thread that forked, the others' counts in headers."""
    ready, go = threading.Barrier(4), threading.Event()
    kept: list[object] = []

    def count() -> None:
        kept.append([Subject() for _ in range(500)])
        ready.wait()
        go.wait()

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    ready.wait()
    inspector.attach()
    child = os.fork()
    if not child:
        # The child reads itself: its own attachment, not the parent's.
        count_ = inspector.refcount(Subject)
        natives = [thread.native_id for thread in inspector.snapshot(unlisted=False).threads]
        say({"who": "child", "counted": count_.counted, "threads": natives == [os.getpid()]})
        os._exit(0)
    os.waitpid(child, 0)
    count_ = inspector.refcount(Subject)
    say({"who": "parent", "counted": count_.counted, "contributed": count_.contributed})
    go.set()
    for thread in threads:
        thread.join()


def daemon() -> None:
    """Leave a daemon thread behind: it is listed, with its counts, while handlers run."""
    import atexit  # noqa: PLC0415 - the order of handlers is what this is about

    ready, never = threading.Event(), threading.Event()
    kept: list[object] = []

    def count() -> None:
        kept.extend(Subject() for _ in range(30))
        ready.set()
        never.wait()

    worker = threading.Thread(target=count, daemon=True, name="daemon")
    worker.start()
    ready.wait()

    def at_exit() -> None:
        snapshot = inspector.snapshot(unlisted=False)
        row = snapshot[Subject]
        say(
            {
                "listed": "daemon" in [thread.name for thread in snapshot.threads],
                "contributes": row.contributions.get(worker.native_id or 0),
            }
        )

    atexit.register(at_exit)


# A collection would move the counts to headers, whichever thread it began in.
gc.disable()
inspector.attach()
globals()[sys.argv[1]]()
