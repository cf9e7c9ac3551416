"""Turns a checkpoint into a shard store and an importance table, and measures plans on a task."""
