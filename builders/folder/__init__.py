"""The built folder on disk: reading it, choosing records from it."""
