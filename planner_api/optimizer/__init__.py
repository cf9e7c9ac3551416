"""Chooses depth, width, slices, bitwidths and preload set under a latency target."""
