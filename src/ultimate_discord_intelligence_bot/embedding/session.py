"""How a model file is opened."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..machine import cores

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def open_session(model: bytes) -> InferenceSession:
    """The model on the CPU, considerate of the other work of this machine."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if cores() < (os.cpu_count() or 1):  # it knows no limits of containers
        options.intra_op_num_threads = cores()
    # Idle threads must sleep, not spin: other stages want the cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run_to(
    session: InferenceSession, outputs: Sequence[str], inputs: Mapping[str, Any]
) -> dict[str, Any]:
    """Outputs by name; what only other outputs need is not computed."""
    from onnxruntime import RunOptions

    options = RunOptions()
    options.only_execute_path_to_fetches = True
    return dict(zip(outputs, session.run(list(outputs), inputs, options), strict=True))
