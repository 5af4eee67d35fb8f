"""What a model got wrong, as one HTML file; only this room imports Jinja2, an extra."""
