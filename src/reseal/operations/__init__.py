"""What can be done to an image, a file each: a typed request, what it stages, and the record of it.

The modules are light: they load the engines when an operation runs, so that a command line can take
its options from them. `reseal.operations.operation` says what all operations have in common.
"""
