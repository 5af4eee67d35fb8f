"""Figures as numbers: targets, statistics, and the paper's beside them."""
