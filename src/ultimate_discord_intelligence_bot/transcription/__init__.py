"""From captions or sound to a transcript of sentence-like segments, and who says them."""

from .diarization import assign, diarize
from .recognition import Heard, Listening, engine, listen
from .speakers import rename
from .transcriber import transcribe

__all__ = ["Heard", "Listening", "assign", "diarize", "engine", "listen", "rename", "transcribe"]
