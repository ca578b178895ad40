"""What readers are trained on: examples of good and bad."""
