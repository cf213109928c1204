"""What Windows allows (documented: "Registry Element Size Limits")."""

#: Longest names of keys and values, in UTF-16 code units.
KEY_NAME_LIMIT = 255
VALUE_NAME_LIMIT = 16383
#: Deepest tree of keys.
DEPTH_LIMIT = 512
