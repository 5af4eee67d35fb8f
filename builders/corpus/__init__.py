"""SARDet-100K in: finding, reading and cleaning it."""
