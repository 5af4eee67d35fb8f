"""SARDet-100K annotations in, SARChat conversation records out."""
