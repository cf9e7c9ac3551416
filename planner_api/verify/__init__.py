"""Checks a response against its request by a short path of its own: documents, integers, numpy."""
