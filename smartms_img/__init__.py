"""Imaging endpoints for multiple-sclerosis trials: MRI atrophy and lesions, retinal OCT."""

import os
from importlib.metadata import version

__version__ = version("smartms")

# Libraries read these when they are loaded. Nothing about patients' scans may leave the machine:
# ONNX Runtime and nipype would report their use over the network.
os.environ |= {"ORT_DISABLE_TELEMETRY": "1", "NO_ET": "1", "NIPYPE_NO_ET": "1"}
