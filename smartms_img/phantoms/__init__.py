"""Synthetic patients whose truth is known."""
