"""Counts its own objects with inspector and with the collector; prints where they differ."""

from __future__ import annotations

import argparse
import asyncio
import decimal
import gc
import json
import ssl
from collections import Counter

import inspector

USED = argparse, asyncio, decimal, ssl


def main() -> None:
    """Compare the numbers of instances of each type."""
    target = inspector.attach()
    gc.disable()
    for _ in range(5):
        histogram = target.histogram()
    objects = Counter(map(type, gc.get_objects()))
    gc.enable()
    found = {row.address: row.tracked for row in histogram.types}
    types = [
        each for each in objects if each.__module__.split(".")[0] not in ("inspector", "builtins")
    ]
    differ = {
        each.__qualname__: (objects[each], found.get(id(each)))
        for each in types
        if objects[each] != found.get(id(each))
    }
    print(json.dumps({"exact": histogram.exact, "types": len(types), "differ": differ}))


main()
