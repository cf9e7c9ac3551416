"""Changes of the tables, oldest first; each is final once released."""
