"""Checks before publishing, publishing itself, and the metric's Space."""
