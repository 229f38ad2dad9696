"""Measures and long simulations for developers; not part of the wheel."""

import consigne  # noqa: F401 - so that every module of this package can import ``locker``, in whatever order
