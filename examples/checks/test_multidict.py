"""What the checks say about multidict: no leak, and threads contend for its types.

    pip install ft-inspector pytest multidict
    pytest examples/checks                      # the plain decref is expected: all pass
    pytest examples/checks --runxfail           # shows it

See README.md for what was found, with versions.
"""

from __future__ import annotations

import sys

import pytest

multidict = pytest.importorskip("multidict")

# With the GIL nothing contends, and nothing is counted per thread.
contends = pytest.mark.xfail(
    "t" in sys.abiflags, reason="its tp_dealloc calls a plain Py_DECREF(type)", strict=True
)


@pytest.mark.no_type_leaks(types="multidict.*")
def test_headers_give_all_references_back() -> None:
    headers = multidict.CIMultiDict(accept="text/html")
    headers.add("accept", "text/plain")
    proxy = multidict.CIMultiDictProxy(headers)
    assert list(proxy.items())
    assert proxy.getall("Accept") == ["text/html", "text/plain"]


@contends
@pytest.mark.balanced(multidict.CIMultiDict)  # type: ignore[untyped-decorator,unused-ignore]
def test_headers_count_per_thread() -> None:
    multidict.CIMultiDict(accept="text/html")
