"""Snapshots drawn from arrays."""
