"""What a model got wrong, as one HTML file; Jinja2, an extra, is imported in this room alone."""
