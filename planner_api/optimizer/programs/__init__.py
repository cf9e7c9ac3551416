"""Integer programs and the solvers that carry them out, with counted effort."""
