"""The settings as they come, in a network of the test's own: real names, a real public address."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "internet" / "real.py"
SETUP = "ip link add near type veth && mount -t tmpfs tmpfs /mnt"


def _can_build_networks() -> bool:
    if not all(shutil.which(tool) for tool in ("unshare", "nsenter", "ip", "mount")):
        return False
    command = ["unshare", "-rnm", "sh", "-c", SETUP]
    return subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.skipif(
    not _can_build_networks(), reason="needs network namespaces with veth (unshare -rnm)"
)
def test_a_name_server_that_changes_its_mind(tone: bytes, tmp_path: Path) -> None:
    media = tmp_path / "talk.mp3"
    media.write_bytes(tone)
    environment = {key: value for key, value in os.environ.items() if "AUTOINTEL" not in key}
    offline = [path for path in os.environ["PYTHONPATH"].split(":") if not _is_offline(path)]
    done = subprocess.run(
        ["unshare", "-rnm", sys.executable, "-P", str(SCRIPT), str(media), str(tmp_path)],
        env=environment | {"PYTHONPATH": ":".join(offline)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["steady"] == {"code": "ok", "bytes": len(tone)}
    assert told["rebind"] == {
        "code": "address_refused",
        "message": "The link leads to rebind.test (127.0.0.1), an address inside the network.",
    }
    assert told["hits"] == []
    assert told["asked"]["rebind.test"] == 2


def _is_offline(folder: str) -> bool:
    return Path(folder).name == "offline"
