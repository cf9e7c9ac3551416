"""From good choices to better ones that keep all limits."""
