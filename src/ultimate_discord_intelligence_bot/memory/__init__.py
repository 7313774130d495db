"""What was heard before: segments and claims of every recording, by meaning and by relation."""

from .bundle import Manifest, Portion, read_bundle, read_manifest, write_bundle
from .memory import ClaimFilter, Memory, open_memory
from .nodes import graph_of, links_of
from .outbox import Pending
from .records import records_of
from .stores import Servers

__all__ = [
    "ClaimFilter",
    "Manifest",
    "Memory",
    "Pending",
    "Portion",
    "Servers",
    "graph_of",
    "links_of",
    "open_memory",
    "read_bundle",
    "read_manifest",
    "records_of",
    "write_bundle",
]
