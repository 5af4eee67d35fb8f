"""The built folder on disk: reading it, choosing records, checksums, putting it in place at once."""
