"""Lose references in known numbers; the first argument is the directory of the extension."""

import ctypes
import gc
import importlib
import json
import mmap
import os
import sys
from collections.abc import Callable

sys.path.insert(0, sys.argv[1])
typerefs = importlib.import_module("typerefs")


class Order:
    """An instance in a list that is lost."""


class Living:
    """Objects that are held, and have references that are lost."""

    __slots__ = ("number",)


kept: list[object] = [None] * 4096
"""Not appended to: an array that is replaced is left for a while, with all that was in it."""
places: list[object] = []


def lose(kind: str, number: str) -> int:
    """Lose a new object, or a reference to one that is held, in each of so many calls."""
    for each in range(int(number)):
        if kind == "bytes":
            typerefs.lose_bytes()
        elif kind == "dict":
            typerefs.lose_dict(each)
        elif kind == "tuple":
            typerefs.lose_tuple(each)
        elif kind == "list":
            typerefs.lose_list(Order)
        elif kind == "complex":
            typerefs.lose_complex()
        elif kind == "living":
            living = Living()
            kept[each] = living
            typerefs.lose(living)
        elif kind == "type":
            # Its deallocator forgets the reference to the type.
            typerefs.Leaking()
    return int(number)


class Node:
    """Of a circle that awaits a collection, or that is kept."""

    other: "Node"


def circle(number: str) -> int:
    """Leave so many pairs that hold each other, and keep as many."""
    for each in range(2 * int(number)):
        one, two = Node(), Node()
        one.other, two.other = two, one
        if each % 2:
            circles.append(one)
    return int(number)


circles: list[Node] = []


def hide(where: str, number: str) -> int:
    """Hold references where nobody expects them: every one of them is in memory, once."""
    size = int(number)
    room = mmap.mmap(-1, 16 * 4096 + 24 * size)
    at = ctypes.addressof(ctypes.c_char.from_buffer(room))
    protect = ctypes.CDLL(None).mprotect
    protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for each in range(size):
        text = f"hidden {where} {each}"
        typerefs.lose(text)
        address = id(text)
        place = at + 16 * each
        if where == "odd":
            place += 3
        elif where == "inner":
            address += 57
        elif where == "tagged":
            address |= 1
        ctypes.memmove(place, address.to_bytes(8, "little"), 8)
    if where == "readonly":
        protect(at, len(room), mmap.PROT_READ)
    if where == "unreadable":
        protect(at, len(room), 0)
    places.append(room)
    return size


def line() -> str:
    """Return the next line, empty at the end of the input."""
    data = b""
    while not data.endswith(b"\n"):
        piece = os.read(0, 1)
        if not piece:
            return ""
        data += piece
    return data.decode()


COMMANDS: dict[str, Callable[..., int]] = {"lose": lose, "hide": hide, "circle": circle}


def main() -> None:
    # A collection leaves addresses of objects in memory that it frees.
    gc.disable()
    answer: object = os.getpid()
    while True:
        os.write(1, json.dumps(answer).encode() + b"\n")
        words = line().split()
        if not words:
            break
        answer = COMMANDS[words[0]](*words[1:])
    os._exit(0)


main()
