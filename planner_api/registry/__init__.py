"""What the service remembers: documents, plans, answers and runs; the only SQL."""
