"""Executable scenarios: given customers and events, when this happens, then exactly these commands come out.

`load` reads a scenario file, `check` plays it against a `Driver` and says in sentences what is wrong. The
form of the files is explained in tests/scenarios/README.md.
"""
