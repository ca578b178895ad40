"""Nipype shells around the pure functions, and the one module that calls ANTs."""
