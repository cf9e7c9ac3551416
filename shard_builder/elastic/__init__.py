"""Elastic fine-tuning: one set of weights that answers at every depth and width."""
