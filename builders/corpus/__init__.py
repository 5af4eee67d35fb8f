"""Finding, reading and cleaning SARDet-100K."""
