"""Devices as data: the shipped profiles, and estimates for other models on them."""
