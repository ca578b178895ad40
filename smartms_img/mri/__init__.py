"""MRI science: pure functions on arrays, affines and voxel sizes."""
