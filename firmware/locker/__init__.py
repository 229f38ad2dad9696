"""The locker's firmware.  ``README.md`` in the folder above says what lives where."""

VERSION = "0.1.0"
