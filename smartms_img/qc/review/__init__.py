"""Blinded review of pictures by readers, in the browser."""
