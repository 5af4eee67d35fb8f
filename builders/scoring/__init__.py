"""Scoring of predictions."""
