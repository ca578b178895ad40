"""The retinal layer net: synthetic B-scans and training."""
