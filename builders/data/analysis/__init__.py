"""Statistics of the targets and records, and their comparison with the paper's."""
