"""Imaging endpoints for multiple-sclerosis trials: MRI atrophy and lesions, retinal OCT."""

from importlib.metadata import version

__version__ = version("smartms")
