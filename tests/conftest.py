"""What holds for every test."""

from __future__ import annotations

import os
import signal

# They measure and judge nothing: `make bench`.
collect_ignore = [] if "INSPECTOR_BENCH" in os.environ else ["benchmarks"]
# They take a machine that does nothing else: `make why`.
collect_ignore += [] if "INSPECTOR_WHY" in os.environ else ["contention"]

# A shell that starts the tests in the background lets them ignore Ctrl-C, nohup the end of
# the terminal, and every program that they start with them; some tests are about these.
for number, usual in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)

# Whoever runs the tests may have told how wide their terminal is; what is tested has none.
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)
