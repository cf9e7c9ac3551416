"""The planning service: optimiser, use cases, registry, HTTP routes, command line."""
