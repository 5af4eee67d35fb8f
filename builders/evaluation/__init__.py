"""Predictions in, scores out."""
