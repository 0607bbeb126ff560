"""What strategies would have done: recorded interactions through drafts, beside what is active.

A strategy cares for few customers. `entries` says which events could begin an attempt, `connected` which events
could be of one customer; only where the two meet is anything folded, by `trial`, and there everything is.
"""
