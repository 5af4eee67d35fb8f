"""Answers without pixels: what the training split and the question alone give away."""
