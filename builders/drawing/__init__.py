"""Pictures and pages of records and scores."""
