"""Nipype graphs: one file a pipeline, and their registry."""
