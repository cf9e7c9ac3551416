"""Named, frozen cases: what is fast, and how good it is."""
