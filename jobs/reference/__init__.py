"""The reference pages of docs/reference, written from the code they describe: `make docs`.

A page is a pure function of settings classes, tables, commands, exceptions or checks. A test compares
every page with the file on disk, so that a page can be old on no branch.
"""
