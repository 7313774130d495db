"""The user's own documents as evidence: read, cut into passages, kept, and found by meaning."""

from .addition import Encoder, add
from .library import Library, open_library

__all__ = ["Encoder", "Library", "add", "open_library"]
