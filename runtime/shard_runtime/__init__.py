"""Runs a plan on the device: reads, decodes and computes a sharded transformer as a pipeline."""
