"""The cabinet file: read, checked against its board, compiled to the device's ``config.json``.

``compiler.compile_file`` does it all; each error is a ``problems.Problem`` with file, line, key and what to
do.
"""
