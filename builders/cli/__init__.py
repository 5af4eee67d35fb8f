"""The command `sarchat`: a module per subcommand, or for a few of one subject."""
