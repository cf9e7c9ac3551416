"""What plans are worth on a real task: quantisers, predictions, and planners side by side."""
