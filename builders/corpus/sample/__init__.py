"""The synthetic sample corpus."""
