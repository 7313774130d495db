"""The stores of one data folder, which all handles on its memory share."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from ..errors import AutointelError, EmbedderMismatch, StorageError, storage_error
from ..events import store_call
from ..models.graph import Graph
from ..models.memory import Receipt, Record
from ..runs import stable_id, write_atomically
from .archive import Archive
from .identities import Identities
from .outbox import Outbox, Pending, unpacked_graph, unpacked_vectors
from .ownership import Ownership
from .records import digest_of
from .servers import Servers, open_graph, open_vectors
from .service import Service

log = structlog.get_logger(__name__)


class Stores:
    """What all handles of one data folder share: its stores, and what is noted of every write.

    Raises:
        DataFolderInUse: another process owns the folder; names it.
        EmbedderMismatch: the store was filled with vectors of another model.
        StorageError: something else is wrong with the folder or a server.
    """

    def __init__(self, data_dir: Path, embedder: str, dimension: int, servers: Servers) -> None:
        self.data_dir, self.servers = data_dir, servers
        self.embedder, self.dimension = embedder, dimension
        self.references = 0
        self._background: set[threading.Thread] = set()
        folder = data_dir / "memory"
        with ExitStack() as opened:
            self.ownership = Ownership(data_dir)
            opened.callback(self.ownership.close)
            self.vectors = open_vectors(folder, embedder, dimension, servers)
            opened.callback(self.vectors.close)
            self.graph = open_graph(folder, servers)
            opened.callback(self.graph.close)
            self.outbox = Outbox(folder / "outbox.sqlite")
            opened.callback(self.outbox.close)
            self.archive = Archive(folder / "verdicts.sqlite")
            opened.callback(self.archive.close)
            self.identities = Identities(folder / "identities.sqlite")
            opened.callback(self.identities.close)
            self._opened = opened.pop_all()
        self.identity = stable_id("memory", self.vectors.identity, self.graph.identity)
        self._forgetting = folder / "forgetting"
        self._service: Service | None = None

    def serve(self, memory: object) -> None:
        """Answer the other processes of this user from now on."""
        self._service = Service(memory)
        self._opened.callback(self._service.close)
        self.ownership.announce(self._service.address)

    def begin_to_forget(self) -> None:
        """Note that files will hold what is remembered no more, until ``purge`` has been there."""
        write_atomically(self._forgetting, b"")

    async def purge(self) -> None:
        """Leave nothing in any file of what was forgotten, if something was."""
        if not self._forgetting.exists():
            return
        for store in (self.vectors, self.graph, self.archive, self.identities, self.outbox):
            await store.purge()
        try:
            self._forgetting.unlink()
        except OSError as error:
            raise storage_error(error, self._forgetting) from error

    def later(self, write: Coroutine[Any, Any, object]) -> None:
        """Do something in the background; closing waits for it."""
        thread = threading.Thread(target=self._do, args=(write,), name="deferred")
        self._background.add(thread)
        thread.start()

    def _do(self, write: Coroutine[Any, Any, object]) -> None:
        try:
            asyncio.run(write)
        except AutointelError as error:
            # It is in the outbox: the next process makes up for it.
            log.warning("deferred_write_failed", code=error.code, reason=error.message)
        finally:
            self._background.discard(threading.current_thread())

    def close(self) -> None:
        """End what goes on in the background, then close everything."""
        for thread in list(self._background):
            thread.join()
        self._opened.close()

    # -- writing: noted before, compared and struck off afterwards ------------------------------

    async def write_vectors(
        self, write: Pending, records: Sequence[Record], vectors: NDArray[np.float32]
    ) -> Receipt:
        """Do a write of vectors that was noted."""
        with store_call("vector", "write"):
            held = await self.vectors.replace(write.tenant, write.source_id, records, vectors)
        return await self._finish(write, held, held)

    async def write_graph(self, write: Pending, graph: Graph) -> Receipt:
        """Do a write of a graph that was noted."""
        with store_call("graph", "write"):
            held = await self.graph.replace(graph)
        return await self._finish(write, held, held & _shared_ids(graph))

    async def redo(self, write: Pending) -> bool:
        """Write what an earlier process noted; whether anything was."""
        payload = await self.outbox.payload(write)
        if write.store == "vector":
            noted = unpacked_vectors(payload)
            if noted is not None:
                await self.write_vectors(write, *noted)
            return noted is not None
        graph = unpacked_graph(payload)
        if graph is not None:
            await self.write_graph(write, graph)
        return graph is not None

    async def _finish(
        self, write: Pending, held: frozenset[str], shared: frozenset[str]
    ) -> Receipt:
        """Compare what a store holds with what was written, and strike it off.

        Args:
            write: as it was begun.
            held: ids of everything that the store holds of the source now.
            shared: of them, those of segments and claims, which both stores have.
        """
        receipt = Receipt(store=write.store, records=len(shared), digest=digest_of(shared))
        if digest_of(held) != write.digest:
            raise StorageError(
                f"The {write.store} store holds other records of {write.source_id} than were "
                "written.",
                "Run it again; if it happens twice, report it.",
            )
        await self.outbox.done(write)
        return receipt


_held: dict[Path, Stores] = {}
_registry = threading.Lock()


def hold(
    data_dir: Path,
    embedder: str,
    dimension: int,
    servers: Servers,
    memory_of: Callable[[Stores], object],
) -> Stores:
    """The stores of a data folder, which this process owns until each holder has let go.

    Args:
        data_dir: where they are.
        embedder: name of the model that makes the vectors.
        dimension: their length.
        servers: stores that are not embedded.
        memory_of: makes what answers the other processes of this user.
    """
    key = data_dir.resolve()
    with _registry:
        stores = _held.get(key)
        if stores is None:
            stores = Stores(key, embedder, dimension, servers)
            stores.serve(memory_of(stores))
            _held[key] = stores
        elif (stores.embedder, stores.dimension) != (embedder, dimension):
            raise EmbedderMismatch(
                f"{data_dir} is open for vectors of {stores.embedder} ({stores.dimension} numbers "
                f"each), not of {embedder} ({dimension})."
            )
        elif stores.servers != servers:
            raise StorageError(
                f"{data_dir} is open with other servers.", "Give all runs of a process the same."
            )
        stores.references += 1
    return stores


def let_go(stores: Stores) -> None:
    """Give them up; the last holder closes them."""
    with _registry:
        stores.references -= 1
        if not stores.references:
            del _held[stores.data_dir]
            stores.close()


def promised(graph: Graph) -> Receipt:
    """Of a graph that will be written."""
    shared = _shared_ids(graph)
    return Receipt(store="graph", records=len(shared), digest=digest_of(shared))


def _shared_ids(graph: Graph) -> frozenset[str]:
    """The ids that a graph shares with the vector store."""
    return frozenset(node.uid for node in graph.nodes if node.label in ("Segment", "Claim"))
