"""A thousand snapshots, and what they left behind."""

import gc
import json

import inspector


def counts(snapshot: inspector.Snapshot) -> dict[int, tuple[str, int | None]]:
    """Return what plain values can hold of a snapshot: instances of ours would show."""
    return {each.address: (each.name, each.counted) for each in snapshot}


def main() -> None:
    target = inspector.attach()
    while gc.collect():
        pass
    # With a collection in between, what is planned anew is held twice for a moment; and
    # what only a collection could free must not be left behind either.
    gc.disable()
    for _ in range(3):
        target.snapshot()
    before = counts(target.snapshot())
    kept: inspector.Snapshot | None = None
    for _ in range(1000):
        kept = target.snapshot()
    assert kept is not None
    threads = len(kept.threads)
    del kept
    after = counts(target.snapshot())
    print(
        json.dumps(
            {
                "types": len(before),
                "threads": threads,
                "new": [after[each][0] for each in after.keys() - before.keys()],
                "changed": [
                    (*before[each], after[each][1])
                    for each in before.keys() & after.keys()
                    if before[each] != after[each]
                ],
            }
        )
    )


main()
