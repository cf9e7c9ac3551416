"""What no plan of a pair can exceed: prices of its limits, and the bounds they prove."""
