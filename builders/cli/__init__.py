"""The command `sarchat`, one module per subcommand."""
