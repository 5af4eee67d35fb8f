"""Pictures of a build: matplotlib, an extra, is imported in here alone, and only when a picture is wanted."""
