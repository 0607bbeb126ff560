"""Recorded interactions played through strategies: reading recordings, and showing what would have been done.

Nothing here publishes: what is read from topics goes into a file first, and only files are played.
"""
