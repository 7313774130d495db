"""Autointel: from a link to a briefing in which every statement leads back to a timestamp.

Importing the package is free: nothing heavy is loaded before it is used.
"""

__version__ = "0.1.0"
