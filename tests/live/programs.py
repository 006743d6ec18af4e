"""Small programs that python and `inspector run` must run alike."""

from __future__ import annotations

SELF = """
import os, sys
names = {
    name: type(value).__name__ if name in ("__loader__", "__builtins__") else value
    for name, value in globals().items()
}
names["__spec__"] = names["__spec__"] and (names["__spec__"].name, names["__spec__"].origin)
names.pop("os"), names.pop("sys")
frame, depth = sys._getframe(), 0
while frame:
    frame, depth = frame.f_back, depth + 1
print(sys.argv)
print(sys.orig_argv[1:])
print(sys.path)
print(sys.flags, sys.warnoptions, sys._xoptions)
print(names)
print(sys.modules["__main__"].__dict__ is globals(), depth)
print({name: value for name, value in os.environ.items() if name != "_"})
print(sorted(set(sys.modules) - {"atexit"}))  # has our callback
print([key for key in sys.path_importer_cache if "inspector" in key and "startup" in key])
"""

SCRIPTS = {
    "itself": SELF,
    "exit status": "import sys; print('out'); sys.exit(3)",
    "exit message": "import sys; sys.exit('what went wrong')",
    "exit none": "import sys; print(1); sys.exit(None)",
    "exit large": "raise SystemExit(513)",
    "exit object": "raise SystemExit([1, 2])",
    "exit at once": "import os; os.write(1, b'out'); os._exit(7)",
    "exception": "def f(n): return 1 / n\nf(0)",
    "exception group": "raise ExceptionGroup('several', [ValueError(1), KeyError('x')])",
    "exception chain": "try:\n    {}['x']\nexcept KeyError as e:\n    raise ValueError('y') from e",
    "own excepthook": """
import sys
sys.excepthook = lambda *e: print('mine', e[0], e[2].tb_next)
1 / 0
""",
    "failing excepthook": """
import sys
def hook(*e): raise KeyError('no')
sys.excepthook = hook
1 / 0
""",
    "syntax error": "print(1)\nfor\n",
    "indentation error": "if 1:\nprint(2)\n",
    "null bytes": "print(1)\n\x00",
    "encoding": "# coding: latin-1\nprint('é')",
    "interrupt": "raise KeyboardInterrupt",
    "interrupt by a signal": "import os, signal; os.kill(os.getpid(), signal.SIGINT); print(1)",
    "terminated": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "stack": "import traceback\ndef f(): traceback.print_stack()\nf()",
    "warning": "import warnings; warnings.warn('careful', stacklevel=1)",
    "recursion": """
def f(n):
    try: return f(n + 1)
    except RecursionError: return n
print(f(0))
""",
    "atexit": "import atexit; atexit.register(print, 'x'); atexit.register(print, 'y')",
    "failing atexit": "import atexit\natexit.register(int, 'x')\nprint('out')",
    "exit in atexit": "import atexit, sys\natexit.register(sys.exit, 5)",
    "threads are joined": """
import threading
go = threading.Event()
def work():
    go.wait()
    print("worked")
threading.Thread(target=work).start()
print("main done", threading.active_count(), [t.name for t in threading.enumerate()])
go.set()
""",
    "failing thread": "import threading\nthreading.Thread(target=lambda: 1 / 0, name='w').start()",
    "daemon thread": """
import threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
print("done")
""",
    "pickling": """
import pickle
class Order: pass
def total(): pass
print(pickle.loads(pickle.dumps(Order)) is Order, pickle.loads(pickle.dumps(total)) is total)
""",
    "spawn": """
import multiprocessing, sys
class Order:
    def __init__(self, n): self.n = n
def double(order): return Order(order.n * 2)
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        print([order.n for order in pool.map(double, map(Order, range(5)))])
""",
    "forkserver": """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
def double(n): return n * 2
if __name__ == "__main__":
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        print(list(pool.map(double, range(5))))
""",
    "fork": """
import os, sys
sys.stdout.flush()
if os.fork() == 0:
    print("child")
else:
    os.wait()
    print("parent")
""",
    "restarts itself": """
import os, sys
if len(sys.argv) == 1:
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:], "again"])
print(sys.argv[1:], sys.orig_argv[2:])
""",
    "children": """
import subprocess, sys
code = "import os, sys; print(sys.argv, sys.path, sorted(os.environ.items() - {'_'}))"
sys.stdout.flush()
subprocess.run([sys.executable, "-c", code, "x"], check=True)
""",
    "input": "import sys; print(sys.stdin.read().upper(), input.__module__)",
    "own module called inspector": "import inspector; print(inspector.__file__, inspector.ANSWER)",
    "standard error": "import sys; print('e', file=sys.stderr); print('o'); sys.stderr.write('f')",
    "closed streams": "import sys; print('x'); sys.stdout.close()",
    "no streams": "import os, sys; os.close(1); os.close(2); sys.exit(9)",
    "subinterpreter": """
try:
    from concurrent import interpreters
except ImportError:
    pass
else:
    interpreters.create().exec("import sys; print(sys.path, sorted(set(sys.modules) - {'atexit'}))")
""",
    "chdir": "import os; os.chdir('/'); print(os.getcwd())",
}
