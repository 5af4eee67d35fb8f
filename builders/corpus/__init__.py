"""Finding, reading and cleaning a corpus."""
