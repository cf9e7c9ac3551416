"""HTTP: thin handlers, one table of errors, one of schemas."""
