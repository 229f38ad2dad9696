# The application as a part of the interpreter, instead of in a slot that can be updated.
set(MICROPY_FROZEN_MANIFEST "${CONSIGNE_BOARDS}/../manifest.py")
