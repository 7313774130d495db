"""The one gateway to language models. Importing it imports nothing heavy."""

from .call import Call, Message, Reply, Usage
from .gateway import Account
from .ledger import Ledger
from .material import blocks, material, spoken
from .model import LanguageModel, open_model
from .question import Mind, Prompt, Question, answered
from .quiet import hush
from .replies import Replies

__all__ = [
    "Account",
    "Call",
    "LanguageModel",
    "Ledger",
    "Message",
    "Mind",
    "Prompt",
    "Question",
    "Replies",
    "Reply",
    "Usage",
    "answered",
    "blocks",
    "hush",
    "material",
    "open_model",
    "spoken",
]
