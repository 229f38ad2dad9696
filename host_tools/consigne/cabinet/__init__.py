"""The cabinet file: read, checked against the board it is for, compiled to the device's ``config.json``.

``compiler.compile_file`` does it all; what is wrong comes back as ``problems.Problem``, each with file,
line, key and what to do.
"""
