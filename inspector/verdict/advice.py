"""What verdicts mean and what to check, in sentences with the numbers of the evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from inspector.verdict.evidence import HEADER, Verdict

if TYPE_CHECKING:
    from inspector.verdict.evidence import Evidence

__all__ = ["advise_on_object", "advise_on_type", "describe_evidence", "explain_verdict"]

EXPECTED: Final = "declare the type as expected if that is meant"
"""What who checks a program can do."""

HOLDERS: Final = "`inspector holders` names them"
"""What who looks at a process can do."""

LEAKS: Final = "; `inspector leaks --blocking` proves which"

_MEANINGS = {
    Verdict.OVER_DECREF: "references are given back that were never taken: does tp_dealloc call "
    "Py_DECREF(tp) twice, or for an instance that never took a reference "
    "(PyObject_Init was not called)?",
    Verdict.LEAKING: "references that no live object holds: does tp_dealloc call Py_DECREF(tp), "
    "and does C code that calls Py_INCREF(tp) give it back?",
    Verdict.KEPT: "live objects hold the references: a cache, a list, a registry, a global; "
    + EXPECTED,
    Verdict.GROWING: "references rise: instances are held, or await a collection, or the type's "
    "tp_dealloc does not call Py_DECREF(tp)",
    Verdict.NO_UNIQUE_ID: "CPython counts it in the header alone: the class was allocated past "
    "type.__new__ and PyType_FromMetaclass, or came back from cyclic garbage",
    Verdict.PLAIN_DECREF: "making an instance counts in the thread, freeing it in the header that "
    "all threads share: its tp_dealloc ends in a plain Py_DECREF(tp), which is correct",
    Verdict.HOT_HEADER: "its header keeps moving, not by its deallocator: C code that takes and "
    "drops plain references (Py_INCREF(tp)), assignments to __class__, or instances freed by "
    "threads that never made one",
    Verdict.BALANCED: "nothing to do: instances are counted per thread, made and freed",
    Verdict.IMMORTAL: "nothing to do: CPython does not count its references",
    Verdict.CHANGED: "the count of references is not the one that was stated",
    Verdict.BACKGROUND: "a thread that runs beside what was checked took them: stop it, or name "
    "the type as expected",
}

_CHECK_BESIDE = (
    "another check of this process was open at the same time in another thread, and may have "
    "taken them: let one end before the other begins"
)


def explain_verdict(verdict: Verdict) -> str:
    """Return what a verdict means in general, without the numbers of a type."""
    return _MEANINGS[verdict]


def advise_on_type(verdict: Verdict, evidence: Evidence) -> str:
    """Return what a verdict means for one type, with the numbers of its evidence."""
    sentence = _MEANINGS[verdict]
    if verdict is Verdict.LEAKING:
        sentence = _advise_on_leak(evidence, sentence)
    elif verdict is Verdict.KEPT:
        if evidence.instances_after is not None:
            sentence = sentence.replace(EXPECTED, HOLDERS)
        sentence = f"{_describe_holders(evidence)}: {sentence}"
    elif verdict is Verdict.GROWING:
        sentence = _advise_on_growth(evidence, sentence)
    elif verdict in (Verdict.NO_UNIQUE_ID, Verdict.PLAIN_DECREF):
        base = evidence.deallocator_of
        if verdict is Verdict.PLAIN_DECREF and base:
            sentence = sentence.replace("its tp_dealloc", f"the tp_dealloc that it has of {base}")
        sentence = f"{sentence}; {_describe_contention(evidence)}"
    elif verdict is Verdict.BACKGROUND and evidence.check_beside:
        sentence = _CHECK_BESIDE
    elif verdict is Verdict.HOT_HEADER:
        sentence = f"{sentence}; {_describe_contention(evidence, who_is_known=False)}"
    return sentence


_MAKE_LOCAL = "bind it to a local variable before the loop, or give each thread one of its own"
_DEFERRED_SINCE = (3, 15)
_OBJECT_ADVICE = {
    "_thread.lock": "call its bound method (acquire = lock.acquire) or use `with`; CPython 3.15 "
    "counts locks without contention",
    "_thread.RLock": "call its bound method or use `with`, and hold it for more work at a time",
    "functools._lru_cache_wrapper": "call the function that is cached, or keep one cache per "
    "thread: each call takes a reference to the wrapper and to the cached result",
    "builtins.cell": "pass the value as an argument instead of a closure",
    "builtins.function": "bind it to a local variable; a nested function is made per thread",
    "builtins.dict": "give each thread a dictionary of its own, and merge them at the end",
    "builtins.list": "give each thread a list of its own, and join them at the end",
    "builtins.tuple": "make a copy per thread; what is in it is counted too, when it is taken out",
}


def advise_on_object(type_name: str, state: str, version: tuple[int, int]) -> str:
    """Return what to do about an object that several threads take references to."""
    sentence = _OBJECT_ADVICE.get(type_name, "")
    if not sentence:
        sentence = _MAKE_LOCAL
        if version < _DEFERRED_SINCE:
            sentence += "; CPython 3.15 defers counting of more kinds of objects (enum members)"
    if state == "deferred":
        return f"C code takes and drops plain references to it: {sentence}"
    return f"each use takes a reference in one shared counter: {sentence}"


def _advise_on_leak(evidence: Evidence, sentence: str) -> str:
    if evidence.unheld_growth is not None:
        who = "the type" if evidence.kind == "type" else "such objects"
        return (
            f"{_plural(evidence.unheld_growth, 'reference')} lost since the reading before, "
            f"{evidence.unheld or 0:,} in all: no word of memory holds them; which C code takes "
            f"a reference to {who} and does not give it back?"
        )
    base = evidence.deallocator_of
    if base:
        sentence = sentence.replace("does tp_dealloc", f"does the tp_dealloc of {base}")
    lost, total = evidence.lost or 0, evidence.total or 0
    found = f"{_plural(lost, 'reference')} of {total:+,}"
    if evidence.instances and evidence.instances > 0:
        found += f" (beside {_plural(evidence.instances, 'more live instance')})"
    return f"{found}: {sentence}"


def _describe_holders(evidence: Evidence) -> str:
    """Return what holds the references of a type that is kept."""
    instances = evidence.instances or 0
    if evidence.kind == "class":
        return f"{_plural(instances, 'more class')} of this name {_is_or_are(instances)} alive"
    if instances > 0:
        alive = f"{_plural(instances, 'more instance')} {_is_or_are(instances)} alive"
        return f"{alive}{_describe_garbage(evidence)}"
    held = evidence.held if evidence.held is not None else evidence.total or 0
    return f"{_plural(held, 'more reference')} to the class itself, held by no instance of it"


def _describe_garbage(evidence: Evidence) -> str:
    """Return that instances may be garbage, where the collector's state does not rule it out."""
    if evidence.instances_after is None or evidence.collected:
        return ""
    instances = evidence.instances or 0
    if evidence.uncollected is None:
        return ", or may await a collection, of which none was seen"
    if evidence.uncollected <= 0:
        return ""
    return f", of which {min(evidence.uncollected, instances):,} may await a collection"


def _advise_on_growth(evidence: Evidence, sentence: str) -> str:
    lost = evidence.lost
    if evidence.check_beside:
        return f"{sentence}; {_CHECK_BESIDE}"
    if evidence.frozen:
        hidden = f"what {_plural(evidence.frozen, 'frozen object')} (gc.freeze) hold was not seen"
        return f"{hidden}: {sentence}"
    if lost is not None and 0 < lost <= evidence.ended:
        return (
            f"{_plural(lost, 'reference')} that no live object holds, with "
            f"{_plural(evidence.ended, 'ended thread')}: what is kept per thread (a free list) "
            "and not given back when the thread ends"
        )
    if lost is not None:
        return (
            f"{_plural(lost, 'reference')} that no object known to the collector holds: "
            "C code holds them, or some were lost (does tp_dealloc call Py_DECREF(tp)?)"
        )
    if evidence.instances is not None:
        return _describe_unexplained(evidence, evidence.instances)
    return sentence


def _describe_unexplained(evidence: Evidence, instances: int) -> str:
    """Return what may hold references to a type that its instances do not explain."""
    total = evidence.total if evidence.referenced is None else evidence.referenced
    holders = (
        "containers or C code hold the class itself, or some are lost "
        "(does tp_dealloc call Py_DECREF(tp)?)"
    )
    if evidence.instances_after is not None:
        holders += LEAKS
    if instances <= 0:
        return f"references rise and instances do not ({instances:+,}): {holders}"
    return (
        f"references rise by {total or 0:,} and instances by {instances:,}"
        f"{_describe_garbage(evidence)}: no instance holds the others; {holders}"
    )


def _describe_contention(evidence: Evidence, *, who_is_known: bool = True) -> str:
    """Return whether threads contend: two must change the header, with the GIL off."""
    if evidence.gil_enabled:
        return "the GIL is on, so no thread contends for it"
    if evidence.threads_alive == 1:
        return "the process has one thread, which contends with nobody"
    threads = evidence.threads
    if threads is not None and threads > 1:
        if who_is_known:
            return f"{threads} threads did so side by side, and contend for it"
        return f"{threads} threads use it side by side, and contend if they move its header"
    if threads == 1:
        return "one thread at a time makes them: it contends only if others free them meanwhile"
    return "it costs where several threads do so side by side, which was not seen"


def describe_evidence(evidence: Evidence) -> str:
    """Return the numbers of the evidence in one line."""
    parts = []
    for name, value in (
        ("total", evidence.total),
        ("header", evidence.header),
        ("threads' arrays", evidence.contributed),
        ("instances", evidence.instances),
        ("held", evidence.held),
        ("held by no word", evidence.unheld),
        ("of these new", evidence.unheld_growth),
    ):
        if value is not None:
            parts.append(f"{name} {value:+,}")
    if evidence.threads is not None:
        parts.append(f"by {_plural(evidence.threads, 'thread')}")
    if evidence.samples:
        parts.append(f"header moved in {evidence.moved or 0:,} of {evidence.samples:,} samples")
    if evidence.deallocator:
        place = "in the header" if evidence.deallocator == HEADER else evidence.deallocator
        parts.append(f"freed {place}")
    if evidence.calls is not None:
        parts.append(f"in {_plural(evidence.calls, 'call')}")
    if evidence.seconds is not None:
        parts.append(f"in {evidence.seconds:,.1f} s{_describe_steps(evidence)}")
    if evidence.merges:
        parts.append(f"{_plural(evidence.merges, 'merge')} in it")
    if evidence.gil_enabled:
        parts.append("GIL on")
    return ", ".join(parts)


def _describe_steps(evidence: Evidence) -> str:
    """Return the part of the window that header and arrays are of, unless it is all of it."""
    seconds = evidence.step_seconds
    if seconds is None or seconds == evidence.seconds or evidence.header is None:
        return ""
    return f" (header and arrays in {seconds:,.1f} s of it, without merges)"


def _is_or_are(number: int) -> str:
    return "is" if number == 1 else "are"


def _plural(number: int, noun: str) -> str:
    plural = "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{plural * (number != 1)}"
