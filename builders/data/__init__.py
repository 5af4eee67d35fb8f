"""The built folder on disk: reading, choosing records, checksums, atomic replacement."""
