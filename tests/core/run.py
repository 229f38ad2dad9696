"""Run ``tests/core/test_*.py`` on this interpreter, MicroPython above all, with no test framework.

    micropython -X heapsize=256k tests/core/run.py [part of a file's or a test's name]

Prints each failure with its traceback and ``N passed, N failed``; exits 1 on a failure, or when
nothing was found to run.
"""

import gc
import os
import sys

_HERE = __file__.rsplit("/", 1)[0] if "/" in __file__ else "."
_ROOT = _HERE + "/../.."


def _report(error):
    if hasattr(sys, "print_exception"):
        sys.print_exception(error)
    else:
        sys.excepthook(type(error), error, error.__traceback__)


def run_module(name, wanted):
    """``(passed, failed)`` of one file; a file that cannot be imported is one failure."""
    try:
        module = __import__(name)
    except Exception as error:  # reported, counted, and the exit code says so
        print("FAILED", name)
        _report(error)
        return 0, 1
    passed = failed = 0
    for attribute in sorted(dir(module)):
        if not attribute.startswith("test_") or (wanted not in attribute and wanted not in name):
            continue
        gc.collect()
        try:
            getattr(module, attribute)()
            passed += 1
        except Exception as error:  # as above
            print("FAILED", name, attribute)
            _report(error)
            failed += 1
    return passed, failed


def forget(kept):
    """Unload what a file imported: the heap is a board's, and the next file starts from nothing."""
    for name in [n for n in sys.modules if n not in kept]:
        del sys.modules[name]
    gc.collect()


def main(wanted):
    sys.path[:0] = [_HERE, _ROOT + "/firmware"]
    if sys.implementation.name != "micropython":
        sys.path.insert(0, _ROOT + "/host_tools/consigne/sim/pyshim")
        __import__("micropython")
    names = [n[:-3] for n in os.listdir(_HERE) if n.startswith("test_") and n.endswith(".py")]
    passed = failed = 0
    if sys.implementation.name == "micropython":
        gc.threshold(8192)  # collect early: a small heap must not break up while modules are compiled
    kept = list(sys.modules)
    for name in sorted(names):
        good, bad = run_module(name, wanted)
        forget(kept)
        passed += good
        failed += bad
    print(passed, "passed,", failed, "failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
