"""Building the folder that `load_dataset` reads and the Hub shows."""
