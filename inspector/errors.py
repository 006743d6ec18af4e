"""Every error that inspector raises on purpose.

The tree::

    InspectorError                      .hint, .exit_code
      TargetError                       .pid
        NoSuchTarget                    also ProcessLookupError
        AccessDenied                    also PermissionError
        NotPython
        NotFreeThreaded
        UnsupportedVersion
        TargetChanged
      SubjectError                      .subject
        NotAType                        also TypeError
        NotCounted                      also ValueError
        NoSuchObject                    also KeyError
        AmbiguousName                   also LookupError
      MemoryFault                       .address, .size
      LayoutError                       .field, .expected, .found
      Unsettled                         .tries
      Exhausted
      Reentered
      ProgramError                      .program
      FileError                         .path
      NotImportable                     .module
      ExpressionError                   .expression
        UnknownName
      GrowthFound
      FaultFound

The message states one fact, the hint says what to do about it.  Only the
command line turns an error into an exit status, which is ``exit_code``.
"""

from __future__ import annotations

__all__ = [
    "AccessDenied",
    "AmbiguousName",
    "Exhausted",
    "ExpressionError",
    "FaultFound",
    "FileError",
    "GrowthFound",
    "InspectorError",
    "LayoutError",
    "MemoryFault",
    "NoSuchObject",
    "NoSuchTarget",
    "NotAType",
    "NotCounted",
    "NotFreeThreaded",
    "NotImportable",
    "NotPython",
    "ProgramError",
    "Reentered",
    "SubjectError",
    "TargetChanged",
    "TargetError",
    "UnknownName",
    "Unsettled",
    "UnsupportedVersion",
]


class InspectorError(Exception):
    """The base of all errors: a message, and a hint what to do about it."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if hint:
            self.add_note(f"hint: {hint}")  # a traceback shows it

    def __str__(self) -> str:
        """Return the message alone; the command line prints the hint on a line of its own."""
        return self.message


class TargetError(InspectorError):
    """The process that was to be read cannot be read."""

    exit_code = 5

    def __init__(self, message: str, *, pid: int | None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.pid = pid


class NoSuchTarget(TargetError, ProcessLookupError):
    """The process does not exist, or has ended."""

    exit_code = 3


class AccessDenied(TargetError, PermissionError):
    """The operating system, or an audit hook of the own program, forbids the reading."""

    exit_code = 4


class NotPython(TargetError):
    """The process does not run CPython, or its runtime cannot be found."""


class NotFreeThreaded(TargetError):
    """The interpreter was built with the GIL, where ``sys.getrefcount`` is the truth."""


class UnsupportedVersion(TargetError):
    """The interpreter has no per-thread reference counts, or an unknown layout."""


class TargetChanged(TargetError):
    """The process was replaced, is finalizing, or changed while it was read."""

    exit_code = 3


class SubjectError(InspectorError):
    """The object that was asked for has no count to report."""

    exit_code = 6

    def __init__(self, message: str, *, subject: object, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.subject = subject


class NotAType(SubjectError, TypeError):
    """An object was given that is not a type."""


class NotCounted(SubjectError, ValueError):
    """The type is static or immortal: CPython does not count its references."""

    def __init__(self, name: str, *, subject: object) -> None:
        super().__init__(
            f"{name} is static or immortal: CPython does not count its references",
            subject=subject,
            hint="only heap types, made by class statements or PyType_FromSpec, are counted",
        )


class NoSuchObject(SubjectError, KeyError):
    """No counted object has this name or address."""


class AmbiguousName(SubjectError, LookupError):
    """More than one object has this name; an address tells them apart."""


class MemoryFault(InspectorError):
    """An address could not be read; ``size`` is in bytes."""

    exit_code = 7

    def __init__(self, address: int, size: int) -> None:
        super().__init__(
            f"cannot read {size} bytes at {address:#x}",
            hint="if the target freed or moved this memory meanwhile, try again",
        )
        self.address = address
        self.size = size


UNKNOWN_LAYOUT = (
    "a build that inspector does not know, or a process that is just starting; "
    "`inspector doctor PID` tells how far it gets"
)


class LayoutError(InspectorError):
    """A private structure of CPython is not as expected."""

    exit_code = 7

    def __init__(self, field: str, *, expected: str, found: str, hint: str = "") -> None:
        super().__init__(
            f"{field}: expected {expected}, found {found}", hint=hint or UNKNOWN_LAYOUT
        )
        self.field = field
        self.expected = expected
        self.found = found


class Unsettled(InspectorError):
    """The target changed faster than it could be read, in each of ``tries``."""

    exit_code = 8

    def __init__(self, message: str, *, tries: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.tries = tries


class Exhausted(InspectorError):
    """The reader has reached a limit of memory or files, or the system refused a resource."""


class Reentered(InspectorError):
    """A signal handler or a hook asked for what it had interrupted."""


class ProgramError(InspectorError):
    """The program that was to be run cannot be started."""

    exit_code = 2

    def __init__(self, message: str, *, program: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.program = program


class FileError(InspectorError):
    """A file that was to be read or written cannot be used."""

    exit_code = 2

    def __init__(self, message: str, *, path: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path


class NotImportable(InspectorError):
    """A module whose types were to be audited does not exist, or its import failed."""

    exit_code = 2

    def __init__(self, message: str, *, module: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.module = module


class ExpressionError(InspectorError):
    """An expression that makes instances does not compile, or raises an exception."""

    exit_code = 2

    def __init__(self, message: str, *, expression: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.expression = expression


class UnknownName(ExpressionError):
    """An expression was given for a type that is not among the audited ones."""


class GrowthFound(InspectorError):
    """A type grew that must not: ``inspector diff --fail-on``."""

    exit_code = 9


class FaultFound(InspectorError):
    """A type has a verdict that it must not have, or no verdict: ``inspector audit --fail-on``."""

    exit_code = 9
