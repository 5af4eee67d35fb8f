"""The wordings as data: one YAML file per task, and the words that all tasks share."""
