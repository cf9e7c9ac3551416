"""Pages that the service serves: plain HTML, CSS and ES modules, no build step."""
