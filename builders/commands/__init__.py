"""One module a subcommand of `sarchat`, each with its `command`."""
