"""The wordings, as data: one YAML a task, and the words that all share."""
