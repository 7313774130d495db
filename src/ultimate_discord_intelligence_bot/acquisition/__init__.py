"""From a link or a path to files on this machine and what is known about them."""

from .acquire import acquire
from .expansion import expand
from .fingerprint import fingerprint
from .locator import parse_locator

__all__ = ["acquire", "expand", "fingerprint", "parse_locator"]
