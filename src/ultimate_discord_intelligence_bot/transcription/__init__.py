"""From captions or sound to a transcript of sentence-like segments, and who says them."""

from .recognition import Listening, engine, listen
from .speakers import rename
from .transcriber import transcribe

__all__ = ["Listening", "engine", "listen", "rename", "transcribe"]
