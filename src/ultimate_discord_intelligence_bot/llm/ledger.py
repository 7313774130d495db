"""What a run has asked of the model, stage by stage, and what it may still spend."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass

from ..errors import BudgetExhausted
from .call import Call, Usage
from .catalogue import Price


@dataclass(frozen=True)
class Budget:
    """What a run may spend at most.

    Attributes:
        dollars: None means no limit; without a known price it cannot be kept to.
        tokens: read and written; None means no limit.
    """

    dollars: float | None = None
    tokens: int | None = None


@dataclass
class Reservation:
    """What a call may cost at most, put aside until it is known what it did cost."""

    stage: str
    tokens: int
    dollars: float


class Ledger:
    """The account of one run. Thread-safe.

    Args:
        budget: what it may spend.
        price: of the model; None when unknown.
    """

    def __init__(self, budget: Budget, price: Price | None) -> None:
        self._budget, self._price = budget, price
        self._lock = threading.Lock()
        self._used: defaultdict[str, Usage] = defaultdict(Usage)
        self._reserved: list[Reservation] = []

    @property
    def by_stage(self) -> dict[str, Usage]:
        """What each stage has used."""
        with self._lock:
            return dict(self._used)

    @property
    def total(self) -> Usage:
        """What the run has used."""
        return sum(self.by_stage.values(), Usage())

    def cost(self, usage: Usage) -> float | None:
        """US dollars; None when the price is unknown."""
        if self._price is None:
            return None
        fresh = usage.prompt - usage.cached
        price = self._price
        return (
            fresh * price.prompt + usage.cached * price.cached + usage.completion * price.completion
        )

    def reserve(self, call: Call, stage: str) -> Reservation:
        """Put aside what a call may cost at most.

        Raises:
            BudgetExhausted: it could cost more than is left. What was asked before is not touched.
        """
        most = Usage(prompt=call.prompt_tokens, completion=call.answer_tokens)
        wanted = Reservation(stage, most.total, self.cost(most) or 0.0)
        with self._lock:
            used = sum(self._used.values(), Usage())
            tokens = used.total + sum(r.tokens for r in self._reserved)
            dollars = (self.cost(used) or 0.0) + sum(r.dollars for r in self._reserved)
            if self._budget.tokens is not None and tokens + wanted.tokens > self._budget.tokens:
                raise BudgetExhausted(
                    f"The budget of {self._budget.tokens:,} tokens is used up: {tokens:,} are "
                    f"spent or promised, and the next question may take {wanted.tokens:,}."
                )
            if self._budget.dollars is not None and dollars + wanted.dollars > self._budget.dollars:
                raise BudgetExhausted(
                    f"The budget of ${self._budget.dollars:.2f} is used up: ${dollars:.4f} are "
                    f"spent or promised, and the next question may cost ${wanted.dollars:.4f}."
                )
            self._reserved.append(wanted)
        return wanted

    def settle(self, reservation: Reservation, usage: Usage | None) -> None:
        """Replace what was put aside by what was used; None when there was no answer."""
        with self._lock:
            self._reserved.remove(reservation)
            self._used[reservation.stage] += usage or Usage()

    def note_reuse(self, stage: str) -> None:
        """A call was answered from an earlier answer, for nothing."""
        with self._lock:
            self._used[stage] += Usage(reused=1)
