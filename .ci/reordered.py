"""Another order of mimalloc's private structures, for a build that nothing was written for.

The members of `mi_page_t`, `mi_segment_t` and `mi_heap_t` of mimalloc 2.1.2 are put in the order
that 2.5.2 has, and get its sizes: `used` has 16 bits, the size of blocks 64, the start of a page
is stored, the tag is a byte of its own, what a heap gets from other threads comes first. The code
is that of 2.1.2, so what it does to these structures is what a real allocator does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from progress import SetupError

if TYPE_CHECKING:
    from pathlib import Path

# An argument of configure that nothing reads: the finished interpreter tells by it what it is.
MARK = "MIMALLOC_ORDER=2.5.2"

TYPES = "Include/internal/mimalloc/mimalloc/types.h"
STRUCTURES = {
    "typedef struct mi_page_s": """
  uint32_t              slice_count;
  uint32_t              slice_offset;
  uint8_t               is_committed : 1;
  uint8_t               is_zero_init : 1;
  uint8_t               use_qsbr : 1;
  uint8_t               debug_offset;
  uint16_t              capacity;
  uint16_t              reserved;
  mi_page_flags_t       flags;
  uint8_t               free_is_zero : 1;
  uint8_t               retire_expire : 7;
  mi_block_t*           free;
  mi_block_t*           local_free;
  uint16_t              used;
  uint8_t               block_size_shift;
  uint8_t               tag;
  size_t                xblock_size;
  uint8_t*              page_start;
  #if (MI_ENCODE_FREELIST || MI_PADDING)
  uintptr_t             keys[2];
  #endif
  _Atomic(mi_thread_free_t) xthread_free;
  _Atomic(uintptr_t)        xheap;
  struct mi_page_s*     next;
  struct mi_page_s*     prev;
  struct llist_node     qsbr_node;
  uint64_t              qsbr_goal;
""",
    "typedef struct mi_segment_s": """
  mi_memid_t            memid;
  bool                  allow_decommit;
  bool                  allow_purge;
  size_t                segment_size;
  void*                 subproc;
  mi_msecs_t            purge_expire;
  mi_commit_mask_t      purge_mask;
  mi_commit_mask_t      commit_mask;
  struct mi_segment_s*  next;
  bool                  was_reclaimed;
  bool                  dont_free;
  size_t                abandoned;
  size_t                abandoned_visits;
  size_t                used;
  uintptr_t             cookie;
  _Atomic(struct mi_segment_s*) abandoned_next;
  struct mi_segment_s*  abandoned_os_prev;
  size_t                segment_slices;
  size_t                segment_info_slices;
  mi_segment_kind_t     kind;
  size_t                slice_entries;
  _Atomic(mi_threadid_t) thread_id;
  mi_slice_t            slices[MI_SLICES_PER_SEGMENT+1];
""",
    "struct mi_heap_s": """
  mi_tld_t*             tld;
  _Atomic(mi_block_t*)  thread_delayed_free;
  mi_threadid_t         thread_id;
  mi_arena_id_t         arena_id;
  uintptr_t             cookie;
  uintptr_t             keys[2];
  mi_random_ctx_t       random;
  size_t                page_count;
  size_t                page_retired_min;
  size_t                page_retired_max;
  long                  generic_count;
  long                  generic_collect_count;
  mi_heap_t*            next;
  bool                  no_reclaim;
  uint8_t               tag;
  uint8_t               debug_offset;
  bool                  page_use_qsbr;
  size_t                guarded_size_min;
  mi_page_t*            pages_free_direct[MI_PAGES_DIRECT];
  mi_page_queue_t       pages[MI_BIN_FULL + 1];
""",
}

HEAP = """
  .tld = {tld},
  .random = {{ {{{seed}}}, {{0}}, 0, true }},
  .page_retired_min = MI_BIN_FULL,
  .pages_free_direct = MI_SMALL_PAGES_EMPTY,
  .pages = MI_PAGE_QUEUES_EMPTY,
"""
INITIAL = "Objects/mimalloc/init.c"
VALUES = {
    "const mi_heap_t _mi_heap_empty =": HEAP.format(tld="NULL", seed="0"),
    "mi_heap_t _mi_heap_main =": HEAP.format(tld="&tld_main", seed="0x846ca68b"),
}

PAGES = "Objects/mimalloc/page.c"
UNUSED_START = "  MI_UNUSED(page_start);"
STORED_START = "  page->page_start = (uint8_t*)page_start;"


def reorder(tree: Path) -> None:
    """Change the sources of CPython below `tree`."""
    for name, bodies in ((TYPES, STRUCTURES), (INITIAL, VALUES)):
        for head, body in bodies.items():
            # Up to the first brace at the beginning of a line.
            pattern = rf"(^[^\n]*{re.escape(head)} {{\n).*?(^}})"
            replace_once(tree / name, re.compile(pattern, re.DOTALL | re.MULTILINE), body)
    line = re.compile(f"()^{re.escape(UNUSED_START)}$()", re.MULTILINE)
    replace_once(tree / PAGES, line, STORED_START)


def replace_once(file: Path, pattern: re.Pattern[str], body: str) -> None:
    """Replace what is between the two groups of a pattern, which must be there once."""
    text, number = pattern.subn(lambda found: found[1] + body + found[2], file.read_text("utf-8"))
    if number != 1:
        raise SetupError(
            f"{file.name} has {number} places like {pattern.pattern!r}, not 1",
            "the order was written for mimalloc 2.1.2, of CPython 3.14",
        )
    file.write_text(text, "utf-8")
