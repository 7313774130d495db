"""A network of its own with a public host behind a cable, real name resolution and a victim.

Run as ``unshare -rnm python real.py MEDIA FOLDER``; prints how two links ended, as JSON. Nothing
is allowed explicitly, and nothing is replaced: the names are looked up by the C library, from a
name server that changes its mind.
"""

from __future__ import annotations

import asyncio
import json
import socket
import socketserver
import struct
import subprocess
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from ultimate_discord_intelligence_bot.acquisition import acquire, parse_locator
from ultimate_discord_intelligence_bot.errors import AutointelError
from ultimate_discord_intelligence_bot.events import silent
from ultimate_discord_intelligence_bot.runs import Run
from ultimate_discord_intelligence_bot.settings import Depth, load_settings

PUBLIC, HERE, VICTIM = "93.184.215.14", "93.184.215.1", "127.0.0.1"
ANSWERS = {"steady.test": [PUBLIC], "rebind.test": [PUBLIC, VICTIM]}
asked: Counter[str] = Counter()


class Names(socketserver.BaseRequestHandler):
    """Answers for addresses of the version 4, valid for no time at all."""

    def handle(self) -> None:
        query, sock = self.request
        end = query.index(b"\0", 12)
        labels, position = [], 12
        while position < end:
            labels.append(query[position + 1 : position + 1 + query[position]].decode().lower())
            position += 1 + query[position]
        name = ".".join(labels)
        wanted = struct.unpack("!H", query[end + 1 : end + 3])[0]
        record = b""
        if wanted == 1 and name in ANSWERS:
            address = ANSWERS[name][min(asked[name], len(ANSWERS[name]) - 1)]
            asked[name] += 1
            record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 4) + socket.inet_aton(address)
        code = 0x8580 if name in ANSWERS else 0x8583
        head = query[:2] + struct.pack("!HHHHH", code, 1, bool(record), 0, 0)
        sock.sendto(head + query[12 : end + 5] + record, self.client_address)


def media_server(address: str, media: bytes, hits: list[str]) -> HTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hits.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "audio/mpeg")
            self.send_header("Content-Length", str(len(media)))
            self.end_headers()
            self.wfile.write(media)

        def log_message(self, *args: Any) -> None: ...

    return HTTPServer((address, 80), Handler)


def sh(command: str) -> None:
    subprocess.run(command, shell=True, check=True)


def visit(link: str, folder: Path) -> dict[str, Any]:
    settings = load_settings(AUTOINTEL_DATA_DIR=folder / "data", AUTOINTEL_NETWORK_TIMEOUT=5)
    run = Run(parse_locator(link, allow_files=False), Depth.STANDARD, settings)
    try:
        found = asyncio.run(acquire(run, silent))
    except AutointelError as error:
        return {"code": error.code, "message": error.message}
    return {"code": "ok", "bytes": found.media.path.stat().st_size if found.media else 0}


def main(media: Path, folder: Path) -> None:
    """Build the network, try both links, tell."""
    far = subprocess.Popen(["unshare", "-n", "sleep", "60"])
    try:
        sh("ip link set lo up")
        (folder / "resolv.conf").write_text(f"nameserver {VICTIM}\noptions timeout:1\n")
        sh(f"mount --bind {folder}/resolv.conf /etc/resolv.conf")
        while Path(f"/proc/{far.pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink():
            pass
        inside = f"nsenter --net=/proc/{far.pid}/ns/net"
        sh(f"ip link add near type veth peer name far netns {far.pid}")
        sh(f"ip addr add {HERE}/24 dev near && ip link set near up")
        sh(f"{inside} ip addr add {PUBLIC}/24 dev far && {inside} ip link set far up")
        names = socketserver.ThreadingUDPServer((VICTIM, 53), Names)
        threading.Thread(target=names.serve_forever, daemon=True).start()
        hits: list[str] = []
        victim = media_server(VICTIM, media.read_bytes(), hits)
        threading.Thread(target=victim.serve_forever, daemon=True).start()
        command = [*inside.split(), sys.executable, __file__, "--serve", str(media)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as public:
            assert public.stdout is not None
            public.stdout.readline()
            steady = visit("http://steady.test/talk.mp3", folder)
            rebind = visit("http://rebind.test/talk.mp3", folder)
            public.kill()
        print(json.dumps({"steady": steady, "rebind": rebind, "hits": hits, "asked": asked}))
    finally:
        far.kill()
        far.wait()


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        server = media_server(PUBLIC, Path(sys.argv[2]).read_bytes(), [])
        print("ready", flush=True)
        server.serve_forever()
    main(Path(sys.argv[1]), Path(sys.argv[2]))
