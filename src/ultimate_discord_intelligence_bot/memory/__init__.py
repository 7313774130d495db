"""What was heard before: segments and claims of every recording, by meaning and by relation."""

from .backup import back_up, require_same_embedder, restore, take_all
from .bundle import Manifest, Portion, read_bundle, read_manifest, write_bundle
from .memory import ClaimFilter, Memory, SearchFilter
from .nodes import graph_of, links_of
from .opening import open_memory
from .outbox import Pending
from .records import records_of
from .servers import Servers, reembed

__all__ = [
    "ClaimFilter",
    "Manifest",
    "Memory",
    "Pending",
    "Portion",
    "SearchFilter",
    "Servers",
    "back_up",
    "graph_of",
    "links_of",
    "open_memory",
    "read_bundle",
    "read_manifest",
    "records_of",
    "reembed",
    "require_same_embedder",
    "restore",
    "take_all",
    "write_bundle",
]
