"""The one embedder: sentences to unit vectors, on the CPU, without a network.

Its lower layers are a trunk; branches grown from it judge the same sentences in the same pass.
"""

from .branch import Branch
from .embedder import Embedder, load_embedder

__all__ = ["Branch", "Embedder", "load_embedder"]
