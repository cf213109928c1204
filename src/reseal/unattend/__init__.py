"""Where an answer file meets an image: what is there, where a file goes, what is applied at once.

`present` finds the answer files of an image in the order in which Windows does, `place` puts one where
Windows finds it, `apply` carries out its passes in order, and `settings` has the one table of what is
applied: a row for each setting and place, with the function that writes it.
"""
