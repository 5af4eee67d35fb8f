"""Figures of records and builds: Matplotlib, an extra, is imported in this room alone."""
