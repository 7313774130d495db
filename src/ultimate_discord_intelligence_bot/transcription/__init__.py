"""From captions or sound to a transcript of sentence-like segments."""

from .transcriber import transcribe

__all__ = ["transcribe"]
