"""Autointel: from a link to a briefing in which every statement leads back to a timestamp.

Importing the package is free: nothing heavy is loaded before it is used.
"""

import os

# Libraries that report to their makers read this when they are imported, whoever imports them.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"
