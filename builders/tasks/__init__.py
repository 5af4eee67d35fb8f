"""Targets to records: geometry, wordings, one module per task."""
