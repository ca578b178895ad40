"""Nipype graphs: one file a pipeline, and their registry."""

import smartms_img  # noqa: F401 - before nipype is loaded, which would report its use
