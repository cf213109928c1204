"""The rules, by subject: each module declares some."""
