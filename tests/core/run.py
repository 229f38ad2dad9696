"""Run ``tests/core/test_*.py`` on this interpreter, MicroPython above all, with no test framework.

    micropython -X heapsize=256k tests/core/run.py [file name, e.g. test_codes]

Each file runs in an interpreter of its own with the same heap as this one: a heap that earlier
files have broken up would say nothing about the board.  Prints each failure with its traceback and
``N passed, N failed``; exits 1 on a failure, or when nothing was found to run.
"""

import gc
import os
import sys

_HERE = __file__.rsplit("/", 1)[0] if "/" in __file__ else "."
_ROOT = _HERE + "/../.."
_MICROPYTHON = sys.implementation.name == "micropython"


def _report(error):
    if _MICROPYTHON:
        sys.print_exception(error)
    else:
        sys.excepthook(type(error), error, error.__traceback__)


def run_file(name):
    """``(passed, failed)`` of one file; a file that cannot be imported is one failure."""
    sys.path[:0] = [_HERE, _ROOT + "/firmware"]
    if _MICROPYTHON:
        gc.threshold(8192)  # collect early: a small heap must not break up while modules are compiled
    else:
        sys.path.insert(0, _ROOT + "/host_tools/consigne/sim/pyshim")
        __import__("micropython")
    passed = failed = 0
    try:
        module = __import__(name)
    except Exception as error:  # noqa: BLE001 - reported, counted, and the exit code says so
        _report(error)
        return 0, 1
    for attribute in sorted(dir(module)):
        if attribute.startswith("test_"):
            gc.collect()
            try:
                getattr(module, attribute)()
                passed += 1
            except Exception as error:  # noqa: BLE001 - as above
                print("FAILED", name, attribute)
                _report(error)
                failed += 1
    return passed, failed


def run_all():
    """Start one interpreter for each file; the exit code of the whole."""
    command = sys.executable
    if _MICROPYTHON:
        command += " -X heapsize={}k".format((gc.mem_free() + gc.mem_alloc()) // 1024 + 1)
    names = sorted(n[:-3] for n in os.listdir(_HERE) if n.startswith("test_") and n.endswith(".py"))
    failed = [n for n in names if os.system("{} {} {}".format(command, __file__, n))]
    print(len(names), "files,", len(failed), "failed:", " ".join(failed))
    return 0 if names and not failed else 1


def main(arguments):
    if not arguments:
        return run_all()
    passed, failed = run_file(arguments[0])
    print("{}: {} passed, {} failed".format(arguments[0], passed, failed))
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
