"""Answer files and images: find them, place them, and apply their settings offline.

`present` lists an image's answer files in Windows' search order, `place` puts one where Windows finds it,
`apply` runs its passes in order, and `settings` holds the table of settings that are applied offline: a row
for each setting and target, with the function that writes it.
"""
