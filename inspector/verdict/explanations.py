"""What each verdict and each finding means: in CPython, in numbers, in money, and how to fix it.

One text for each; the command `inspector explain`, help and README show these.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["EXPLANATIONS", "Explanation", "find_explanation"]


class Explanation(NamedTuple):
    """One verdict or finding, in sentences."""

    name: str
    summary: str
    """One line."""
    meaning: str
    """What it is in CPython."""
    measured: str
    """How it is measured."""
    cost: str
    fixes: dict[str, str]
    """Language or tool -> what to do there."""
    certainty: str
    """How sure it is, and what can make it wrong."""


_OWN_OR_LOCAL: Final = (
    "bind the object to a local variable outside of the loop; give each thread a copy; pass a "
    "value as an argument instead of reading a global or an attribute"
)
_DEALLOC: Final = (
    "tp_dealloc of a heap type: PyTypeObject *tp = Py_TYPE(self); tp->tp_free(self); "
    "Py_DECREF(tp); "
    "and tp_alloc, PyObject_New or PyObject_Init takes the reference once"
)

EXPLANATIONS: Final = (
    Explanation(
        "stop-the-world",
        "all threads wait while one does something that none may see half done",
        "Some operations suspend every thread of the interpreter (_PyEval_StopTheWorld): assigning "
        "__name__, __qualname__, __doc__, __module__, __defaults__, __kwdefaults__ or __code__ of "
        "a "
        "function, which functools.wraps does, __class__ of an object, __bases__ or (3.15) special "
        "methods of a class, sys.settrace and sys.setprofile, sys.monitoring, fork, importing an "
        "extension module, and each garbage collection.",
        "`inspector why` reads the flag of a stop and the thread that asked for it a thousand "
        "times "
        "a second, and which threads are parked on it. A thread that sleeps in a system call is "
        "suspended as well, and does not count as waiting.",
        "share is the time that threads waited for stops, divided by the time of all threads that "
        "ran or wanted to run. Two threads that assign __doc__ per call run at 0.0 to 4 % of the "
        "speed of one.",
        {
            "Python": "decorate once, at import, and not per call; make a class with its final "
            "bases; use partial objects or closures instead of wraps() per request; "
            "gc.freeze() after start-up and a higher gc.set_threshold() where collections stop "
            "most",
            "C": "set tp_doc, ml_doc and slots before the type is ready; call no PyFunction_Set... "
            "at run time",
            "Cython": "do not assign attributes of functions; binding=False makes plain C "
            "functions",
            "PyO3, pybind11": "register functions and classes in the module's initialisation",
        },
        "The requester's line is exact. A stop shorter than a sample is seen by its share. Where "
        "the offset of the flag is not proved, the finding is left out and said to be.",
    ),
    Explanation(
        "gil",
        "the global interpreter lock is on, so one thread runs at a time",
        "A free-threaded build turns the GIL on when it imports an extension module that does not "
        "declare that it can do without (Py_mod_gil), or by PYTHON_GIL=1 or -X gil=1. It stays on.",
        "Published by the process itself; the modules that asked are found in sys.modules by their "
        "md_gil (3.14) or md_requires_gil (3.15). Waiting threads sleep in a futex, detached.",
        "share is the time that threads waited for the GIL. It is conservative: a thread that was "
        "just woken counts as running.",
        {
            "Python": "upgrade or replace the module that is named; PYTHON_GIL=0 keeps it off at "
            "that module's risk",
            "C": "add {Py_mod_gil, Py_MOD_GIL_NOT_USED} to the module's slots, once its state is "
            "safe",
            "Cython": "# cython: freethreading_compatible = True (3.1 or newer)",
            "PyO3": "#[pymodule(gil_used = false)]",
            "pybind11": "PYBIND11_MODULE(name, m, py::mod_gil_not_used())",
        },
        "That it is on is certain. Which of several modules turned it on first is not told.",
    ),
    Explanation(
        "lock",
        "threads wait for a lock: of an object, of CPython or of the program",
        "threading.Lock and RLock are mutexes of CPython, and each list, dict, set, deque and many "
        "other objects have one of their own (ob_mutex), which every operation takes for a moment. "
        "Threads that do not get it within some spinning are parked.",
        "`inspector why` reads the table of parked threads (Python/parking_lot.c), the object that "
        "has the mutex, and the line of each waiting thread. Threads that wait for work, in "
        "Queue.get, Condition.wait, Event.wait or join, do not count.",
        "share is the waiting time, divided by the time of all threads that ran or wanted to run.",
        {
            "Python": "hold it for less: compute first, then take the lock; one lock for each part "
            "of the data; collect in a list per thread and join once; queue.SimpleQueue for "
            "hand-over",
            "C": "keep Py_BEGIN_CRITICAL_SECTION short and call no Python code in it; use atomics "
            "for "
            "counters",
            "Cython": "with cython.critical_section(obj) around as little as possible",
            "PyO3": "prefer sync::atomic or a sharded map to one Mutex; do not hold it over "
            "Python calls",
            "pybind11": "release the lock before calling back into Python",
        },
        "Owner and lines are read from memory and validated. Spinning, and locks of C and C++ "
        "libraries, are not seen.",
    ),
    Explanation(
        "object",
        "several threads take and drop references to one object that is no type",
        "Each thread counts references to objects that it made in a word of its own, but "
        "references "
        "to another thread's object in ob_ref_shared, by an atomic operation. Where two threads do "
        "so at once, the word's cache line travels between processors. Immortal objects are not "
        "counted, and objects with deferred counting (functions, modules, in 3.15 locks and enum "
        "members) not on the stack.",
        "`inspector why` looks through the heap for objects with a shared count, samples their "
        "headers, and reads the frames of running threads while a count changes. heat is the share "
        "of samples in which it had changed.",
        "share is the share of processor samples that were at an atomic operation, or in CPython's "
        "counting functions, with the object's address in a register; a lower bound. Heat ranks "
        "and is no rate: an object may be hot and cost nothing.",
        {
            "Python": _OWN_OR_LOCAL + "; threading.local or one instance per thread",
            "C": "borrow instead of taking a reference; PyUnstable_Object_EnableDeferredRefcount, "
            "or "
            "on 3.15 PyUnstable_SetImmortal, for an object that lives as long as the process",
            "Cython": "assign it to a cdef object outside of the loop; typed memoryviews instead "
            "of "
            "attributes",
            "PyO3": "clone_ref outside of the loop; pass &Bound, not Py<T>, in inner functions",
            "pybind11": "pass py::handle, or const references, in inner functions",
        },
        "What changes and how often is measured; the lines are what ran when it changed, and may "
        "include a bystander that always runs.",
    ),
    Explanation(
        "type",
        "several threads count one class in its header, which they share",
        "References to heap types are counted per thread where CPython makes and frees instances. "
        "A "
        "deallocator that ends in a plain Py_DECREF(tp), or a class without a unique id, counts in "
        "the class's header instead.",
        "`inspector why` and `inspector hot` sample the headers of all types, and compare headers "
        "and threads' arrays of two readings.",
        "Often little: a web service with eleven such types spent 0.4 % of its time there. share "
        "says what it is where the kernel allows processor samples.",
        {
            "Python": "make fewer short-lived instances of it in parallel; reuse them per thread",
            "C": "nothing is wrong; where it costs, keep instances on a free list, which takes no "
            "reference to the type",
            "Cython": "@cython.freelist(N) on the class",
            "PyO3, pybind11": "make fewer wrapper objects: return built-in values or arrays",
        },
        "As the verdicts plain decref, hot header and no unique id.",
    ),
    Explanation(
        "over-decref",
        "references to a type are given back that were never taken",
        "Each freed instance drops more references to its type than making it took. When the count "
        "reaches zero CPython frees a type that is in use.",
        "The total of header and all threads' arrays falls by more than instances were freed.",
        "A crash, later and elsewhere.",
        {
            "C": _DEALLOC + "; in a subclass do not drop it again after the base's tp_dealloc did",
            "Cython, PyO3, pybind11": "update the tool; report it with the type's name",
            "Python": "nothing: the fault is in an extension module",
        },
        "Certain where the total falls in every one of several equal runs.",
    ),
    Explanation(
        "leaking",
        "references to a type are taken and never given back, and no live object holds them",
        "tp_dealloc does not drop the reference that the allocation took, or C code that took one "
        "keeps it. The type is never freed, and its module neither.",
        "The total rises after a collection, and live objects do not account for the rise.",
        "Eight bytes of count: little by itself; but reloaded modules, subinterpreters and classes "
        "made at run time then stay for ever.",
        {
            "C": _DEALLOC,
            "Cython": "update Cython: older ones forget it for some cdef classes",
            "PyO3, pybind11": "update; look for into_ptr or release() without its counterpart",
            "Python": "nothing: the fault is in an extension module",
        },
        "Needs proof that nothing holds them; `growing` is said where that is missing.",
    ),
    Explanation(
        "kept",
        "there are more references to a type than before, and live objects hold them",
        "Instances, or references to the class itself, live on: a cache, a registry, a global.",
        "The total rises, and so do the instances (by half as much at least, for each may name "
        "its class once more), or what live objects hold.",
        "The memory of these instances.",
        {
            "Python": "bound the cache (lru_cache(maxsize=...)), hold objects weakly, or declare "
            "the "
            "type as expected if it is meant; `inspector holders TYPE PID` says who holds them",
            "C": "visit every reference in tp_traverse, so that cycles are collected",
        },
        "Who holds them is seen in the own process. In the heap of another one instances are "
        "counted: until a collection was seen, they may be garbage. That is no fault by itself.",
    ),
    Explanation(
        "growing",
        "references to a type rise, and who holds them was not seen",
        "Either instances are held, or references are lost: a reading of counts alone cannot tell.",
        "The total rose nearly all the time, in at least four steps; where the heap was read, "
        "instances did not rise with it: containers or C code hold the class, or some are lost.",
        "Unknown until it is known which.",
        {
            "Python": "`inspector leaks PID --blocking` proves which; `inspector holders` names "
            "holders",
            "C": _DEALLOC,
        },
        "A program that warms up grows as well: watch for longer, or compare with a baseline.",
    ),
    Explanation(
        "no unique id",
        "every instance made and every instance freed counts in the type's header",
        "CPython gives heap types an id by which threads count them apart. A class that was "
        "allocated past type.__new__ and PyType_FromMetaclass has none, nor one that came back "
        "from "
        "cyclic garbage.",
        "The word unique_id of the type is zero.",
        "Threads that make instances side by side contend for one word.",
        {
            "C": "make types by PyType_FromMetaclass or PyType_FromModuleAndSpec",
            "pybind11": "update: it allocates its types itself in older releases",
            "Cython, PyO3": "not known to do so",
            "Python": "make instances once and reuse them per thread",
        },
        "Certain: the id is read.",
    ),
    Explanation(
        "plain decref",
        "instances are counted in threads when made and in the header when freed",
        "The allocation counts in the thread's own array (_Py_INCREF_TYPE); a tp_dealloc that ends "
        "in Py_DECREF(tp) counts in the header, which all threads share. That is correct, and what "
        "the documentation shows.",
        "Header and arrays drift apart by the same number; the machine code of tp_dealloc is read.",
        "An atomic operation for each freed instance; where several threads free them, a cache "
        "line "
        "that travels. Often below 1 % of the time: `inspector why` measures it.",
        {
            "C": "inherit subtype_dealloc (no tp_dealloc of your own) where you can; else keep a "
            "free "
            "list",
            "Cython": "@cython.freelist(N)",
            "PyO3, pybind11": "their deallocators do so: make fewer wrapper objects",
            "Python": "reuse instances per thread",
        },
        "The traffic is measured; that threads contend is said only if two of them did.",
    ),
    Explanation(
        "hot header",
        "the header of a type keeps changing, and no deallocator explains it",
        "Code takes and drops plain references to the class itself: Py_INCREF(tp), __class__ "
        "assignments, isinstance or attribute lookups from C, instances freed by threads that "
        "never "
        "made one.",
        "Samples of ob_ref_shared: it had changed in most of them.",
        "As for an object that several threads use.",
        {
            "Python": _OWN_OR_LOCAL,
            "C": "borrow Py_TYPE(self) instead of taking a reference; do not keep types in shared "
            "tuples that are unpacked per call",
            "Cython": "cimport classes, so that they are looked up once",
            "PyO3, pybind11": "cache the type object per thread",
        },
        "The header's changes are certain; who makes them is not, but for the lines of `why`.",
    ),
    Explanation(
        "balanced",
        "in use, counted per thread when made and when freed, and not growing",
        "CPython counts references to this type in each thread's own array.",
        "Arrays change, the header stands still, and the total does not rise.",
        "Nothing.",
        {"Python": "nothing to do"},
        "For the traffic that was seen: other calls may take other ways.",
    ),
    Explanation(
        "immortal",
        "CPython does not count its references",
        "Static types, and objects made immortal, have a fixed count.",
        "The local count is the mark of immortality.",
        "Nothing.",
        {"Python": "nothing to do"},
        "Certain.",
    ),
    Explanation(
        "changed",
        "a check stated that a count stays the same, and it did not",
        "The code between two counts took or gave back a reference.",
        "Two exact counts, before and after.",
        "That depends on what it is: the advice that comes with it says more.",
        {"Python": "repeat the check over more rounds, and after gc.collect()"},
        "Both counts are exact; one run alone may have filled a cache.",
    ),
    Explanation(
        "background thread",
        "a thread that runs beside what was checked took the references",
        "The counts of a check are of the whole process.",
        "Each thread's array is read apart.",
        "Nothing by itself.",
        {"Python": "stop the thread during the check, or name the type as expected"},
        "Certain for what threads count in their arrays; not for what they count in headers.",
    ),
)
"""Findings of `inspector why` first, then verdicts on types."""


def find_explanation(name: str) -> Explanation | None:
    """Return the explanation of a name, however it is spelled; None for an unknown one."""
    wanted = _normalize(name)
    for each in EXPLANATIONS:
        if _normalize(each.name) == wanted:
            return each
    return None


def _normalize(name: str) -> str:
    """Return a name without case, hyphens and underscores."""
    return name.strip().lower().replace("-", " ").replace("_", " ")
