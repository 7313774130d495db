"""What was heard before: segments and claims of every recording, by meaning and by relation."""

from .memory import Memory, open_memory
from .outbox import Pending
from .records import records_of

__all__ = ["Memory", "Pending", "open_memory", "records_of"]
