"""What else is asked of a request: frontiers, least limits, why not, what next."""
