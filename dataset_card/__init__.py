"""Data of the dataset card: its template, descriptions, citation, and the paper's results and statistics."""
