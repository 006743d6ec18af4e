"""The ``_Py_DebugOffsets`` block that CPython puts at the start of ``_PyRuntime``.

Source: ``Include/internal/pycore_debug_offsets.h``.  The block is a row of
64-bit words, whose meaning changes with the minor version and is defined by the tables in
here.  A version newer than all tables is read with the newest table, and is refused later if
the layout does not validate.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from inspector.cpython.offset_limits import check_offsets
from inspector.errors import LayoutError, NotFreeThreaded, NotPython, UnsupportedVersion
from inspector.process.runtime import COOKIE

if TYPE_CHECKING:
    from inspector.process.protocols import Memory

__all__ = [
    "Published",
    "make_newer_version_error",
    "read_published",
    "read_version",
    "spell_version",
]

MAJOR: Final = 3
HEX_FIRST: Final = 0x030E0000
"""3.14, the first release with ``Python/uniqueid.c``."""

_V314: Final = """
runtime_state: size finalizing interpreters_head
interpreter_state: size id next threads_head threads_main gc imports_modules sysdict builtins
  ceval_gil gil_runtime_state gil_runtime_state_enabled gil_runtime_state_locked
  gil_runtime_state_holder code_object_generation tlbc_generation
thread_state: size prev next interp current_frame thread_id native_thread_id datastack_chunk status
interpreter_frame: size previous executable instr_ptr localsplus owner stackpointer tlbc_index
code_object: size filename name qualname linetable firstlineno argcount localsplusnames
  localspluskinds co_code_adaptive co_tlbc
pyobject: size ob_type
type_object: size tp_name tp_repr tp_flags
tuple_object: size ob_item ob_size
list_object: size ob_item ob_size
set_object: size used table mask
dict_object: size ma_keys ma_values
float_object: size ob_fval
long_object: size lv_tag ob_digit
bytes_object: size ob_size ob_sval
unicode_object: size state length asciiobject_size
gc: size collecting
gen_object: size gi_name gi_iframe gi_frame_state
llist_node: next prev
debugger_support: eval_breaker remote_debugger_support remote_debugging_enabled
  debugger_pending_call debugger_script_path debugger_script_path_size
"""
"""3.14.0 to 3.14.10: struct ``_Py_DebugOffsets``."""

_V315: Final = """
runtime_state: size finalizing interpreters_head
interpreter_state: size id next threads_head threads_main gc imports_modules sysdict builtins
  ceval_gil gil_runtime_state gil_runtime_state_enabled gil_runtime_state_locked
  gil_runtime_state_holder code_object_generation tlbc_generation
thread_state: size prev next interp current_frame base_frame last_profiled_frame
  last_profiled_frame_seq thread_id native_thread_id datastack_chunk status holds_gil
  gil_requested current_exception exc_state
err_stackitem: exc_value
interpreter_frame: size previous executable instr_ptr localsplus owner stackpointer tlbc_index
code_object: size filename name qualname linetable firstlineno argcount localsplusnames
  localspluskinds co_code_adaptive co_tlbc
pyobject: size ob_type
type_object: size tp_name tp_repr tp_flags tp_basicsize tp_dictoffset
heap_type_object: size ht_cached_keys
tuple_object: size ob_item ob_size
list_object: size ob_item ob_size
set_object: size used table mask
dict_object: size ma_keys ma_values
float_object: size ob_fval
long_object: size lv_tag ob_digit
bytes_object: size ob_size ob_sval
unicode_object: size state length asciiobject_size compactunicodeobject_size
gc: size collecting frame generation_stats_size generation_stats
gen_object: size gi_name gi_iframe gi_frame_state
llist_node: next prev
debugger_support: eval_breaker remote_debugger_support remote_debugging_enabled
  debugger_pending_call debugger_script_path debugger_script_path_size
"""
"""3.15.0rc2: struct ``_Py_DebugOffsets``."""


def _flatten_table(table: str) -> tuple[str, ...]:
    """Return ``group.member`` for each word of the block, in order."""
    names = []
    group = ""
    for word in table.split():
        if word.endswith(":"):
            group = word[:-1]
        else:
            names.append(f"{group}.{word}")
    return tuple(names)


_TABLES: Final = {0x030E: _flatten_table(_V314), 0x030F: _flatten_table(_V315)}


class Published(dict[str, int]):
    """The offsets that the target itself publishes, in bytes, by ``group.member``."""

    def __init__(self, version: int, offsets: dict[str, int]) -> None:
        super().__init__(offsets)
        self.version = version
        """``PY_VERSION_HEX``."""

    def __missing__(self, name: str) -> int:
        """Raise :class:`LayoutError` for an offset that this version does not publish."""
        raise LayoutError(
            name, expected="a published offset", found=f"none in {spell_version(self.version)}"
        )

    @property
    def known(self) -> bool:
        """Whether there is a table for this minor version."""
        return self.version >> 16 in _TABLES

    @property
    def minor(self) -> tuple[int, int]:
        """Major and minor version."""
        return self.version >> 24, self.version >> 16 & 0xFF


def spell_version(version: int) -> str:
    """Return ``PY_VERSION_HEX`` as text: 0x030f00c2 is ``3.15.0rc2``."""
    level = {0xA: "a", 0xB: "b", 0xC: "rc"}.get(version >> 4 & 0xF, "")
    text = f"{version >> 24}.{version >> 16 & 0xFF}.{version >> 8 & 0xFF}"
    return f"{text}{level}{version & 0xF}" if level else text


def read_version(memory: Memory, address: int) -> tuple[int, bool]:
    """Return (``PY_VERSION_HEX``, is a free-threaded build) of the runtime at ``address``.

    Raises :class:`LayoutError` if there is no cookie: this is not ``_PyRuntime``, or one of
    3.12 or older, which publishes nothing.
    """
    words = memory.read(address, 24)
    if words[:8] != COOKIE:
        raise LayoutError("_PyRuntime.debug_offsets.cookie", expected=str(COOKIE), found="others")
    version, free_threaded = struct.unpack_from("=QQ", words, 8)
    return version, version >= HEX_FIRST - 0x10000 and free_threaded == 1


def read_published(memory: Memory, address: int, pid: int | None = None) -> Published:
    """Read the block of the runtime at ``address``.

    Raises :class:`NotPython`, :class:`NotFreeThreaded`, :class:`UnsupportedVersion`
    with ``pid``, and :class:`LayoutError` for offsets beyond their limits.
    """
    try:
        version, free_threaded = read_version(memory, address)
    except LayoutError:
        raise NotPython(
            "no CPython runtime that publishes its layout",
            pid=pid,
            hint="CPython 3.12 and older do not; inspector needs a free-threaded 3.14 or newer",
        ) from None
    text = spell_version(version)
    if version >> 24 != MAJOR:
        raise LayoutError("debug_offsets.version", expected="CPython 3", found=f"{version:#x}")
    if not free_threaded:
        raise NotFreeThreaded(
            f"CPython {text} with the GIL built in",
            pid=pid,
            hint="here sys.getrefcount is the truth; inspector is for python3.14t and newer",
        )
    if version < HEX_FIRST:
        raise UnsupportedVersion(
            f"CPython {text} has no per-thread reference counts of types",
            pid=pid,
            hint="they came with 3.14; run the program on python3.14t or newer",
        )
    names = _TABLES[min(version >> 16, max(_TABLES))]
    words = struct.unpack(f"={len(names)}Q", memory.read(address + 24, 8 * len(names)))
    offsets = dict(zip(names, words, strict=True))
    published = Published(version, offsets)
    try:
        check_offsets(offsets)
    except LayoutError as failure:
        if published.known:
            raise
        raise make_newer_version_error(published, pid, failure) from failure
    return published


def make_newer_version_error(
    published: Published, pid: int | None, failure: Exception
) -> UnsupportedVersion:
    """Return the error for a version without a table, whose layout did not validate."""
    return UnsupportedVersion(
        f"CPython {spell_version(published.version)} is newer than this inspector, "
        f"which does not understand it ({failure})",
        pid=pid,
        hint="install a newer inspector",
    )
