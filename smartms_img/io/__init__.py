"""Reading and writing: BIDS index, NIfTI and OCT readers, derivatives, sidecars."""
