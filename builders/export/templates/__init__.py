"""Templates of the files beside the records, one folder per export format."""
