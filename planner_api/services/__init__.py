"""What the service does, one module a use case; knows neither HTTP nor SQL."""
