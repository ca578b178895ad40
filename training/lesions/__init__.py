"""The lesion net: synthetic patches and training."""
