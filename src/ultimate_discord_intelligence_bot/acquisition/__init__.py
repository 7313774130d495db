"""From a link or a path to files on this machine and what is known about them."""

from .acquire import acquire
from .fingerprint import fingerprint
from .locator import parse_locator

__all__ = ["acquire", "fingerprint", "parse_locator"]
