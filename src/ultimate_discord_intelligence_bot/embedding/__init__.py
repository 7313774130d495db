"""The one embedder: sentences to unit vectors, on the CPU, without a network."""

from .embedder import Embedder, load_embedder

__all__ = ["Embedder", "load_embedder"]
