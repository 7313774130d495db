"""What the guard hears inside a process, whatever the way out is called."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

INTERNET = Path(__file__).parent.parent / "internet"
DENO = Path(sys.executable).parent / "deno"
OPTIONS = ["--no-prompt", "--no-remote", "--cached-only"]

PRELUDE = """
import json, os, socket, subprocess, sys
from ultimate_discord_intelligence_bot.acquisition.guard import Guard

class Ended(BaseException):
    pass

def end(error):
    raise Ended(error.message)

def tried(action):
    try:
        action()
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return "passed"

Guard(ALLOWED, None, end).install()
"""


@pytest.fixture
def victim() -> Iterator[tuple[int, list[Any]]]:
    """A port of loopback and the connections it got."""
    met: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            try:
                while True:
                    connection, address = server.accept()
                    met.append(address)
                    connection.close()
            except OSError:
                return

        threading.Thread(target=listen, daemon=True).start()
        yield server.getsockname()[1], met
        server.shutdown(socket.SHUT_RDWR)


def guarded(code: str, allowed: str = "") -> Any:
    """Run code in a process with the guard; it prints JSON."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", PRELUDE.replace("ALLOWED", repr(allowed)) + code],
        env=os.environ | {"PYTHONPATH": f"{INTERNET}:{os.environ.get('PYTHONPATH', '')}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


REFUSED = "Ended: The link leads to {}, an address inside the network."


def test_connections_to_inner_addresses(victim: tuple[int, list[Any]]) -> None:
    port, met = victim
    targets = [
        (socket.AF_INET, ("127.0.0.1", port)),
        (socket.AF_INET, ("127.9.9.9", port)),
        (socket.AF_INET, ("0.0.0.0", port)),
        (socket.AF_INET, ("169.254.169.254", 80)),
        (socket.AF_INET, ("10.0.0.1", 80)),
        (socket.AF_INET, ("224.0.0.1", 80)),
        (socket.AF_INET6, ("::1", port)),
        (socket.AF_INET6, ("::1", port, 0, 0)),
        (socket.AF_INET6, ("::ffff:127.0.0.1", port)),
        (socket.AF_INET6, ("64:ff9b::7f00:1", port)),
        (socket.AF_INET6, ("2002:7f00:1::", port)),
        (socket.AF_INET6, ("fd00:ec2::254", 80)),
    ]
    answers = guarded(
        f"targets = {[(int(family), target) for family, target in targets]!r}\n"
        "print(json.dumps([tried(lambda: getattr(socket.socket(family, kind), way)(target))\n"
        "    for family, target in targets\n"
        "    for kind, way in ((1, 'connect'), (1, 'connect_ex'), (2, 'connect'))]))"
    )
    shown = [str(target[0]).removeprefix("::ffff:") for _, target in targets for _ in range(3)]
    assert answers == [REFUSED.format(address) for address in shown]
    assert met == []


def test_datagrams_to_inner_addresses() -> None:
    answers = guarded(
        "udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "print(json.dumps([\n"
        "    tried(lambda: udp.sendto(b'x', ('127.0.0.1', 9))),\n"
        "    tried(lambda: udp.sendto(b'x', 0, ('127.0.0.1', 9))),\n"
        "    tried(lambda: udp.sendmsg([b'x'], [], 0, ('127.0.0.1', 9))),\n"
        "]))"
    )
    assert answers == [REFUSED.format("127.0.0.1")] * 3


def test_a_name_instead_of_an_address(victim: tuple[int, list[Any]]) -> None:
    port, met = victim
    hosts = ["localhost", "", "127.1", "0x7f000001", b"127.0.0.1", b"8888"]
    answers = guarded(
        f"hosts = {hosts!r}\n"
        "print(json.dumps([tried(lambda: socket._socket.socket().connect("
        f"(host, {port}))) for host in hosts]))"
    )
    for answer in answers:
        assert answer == "Ended: A connection was asked for by name instead of by address."
    assert met == []


def test_other_kinds_of_sockets(tmp_path: Path) -> None:
    answers = guarded(
        "inet = socket.socket()\n"
        "print(json.dumps([\n"
        "    tried(lambda: socket.socket(socket.AF_UNIX)),\n"
        "    tried(lambda: socket.socketpair()),\n"
        "    tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)),\n"
        "    tried(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)),\n"
        "    tried(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)),\n"
        "    tried(lambda: inet.bind(('0.0.0.0', 8080))),\n"
        "    tried(lambda: inet.bind(('127.0.0.1', 0))),\n"
        "]))"
    )
    refused = "PermissionError: The download process opens internet connections only."
    assert answers[:5] == [refused] * 5
    assert answers[5] == "PermissionError: The download process offers nothing to others."
    assert answers[6] == "passed"


def test_an_own_public_address_is_refused(tmp_path: Path) -> None:
    """It leads past the firewall that protects it from outside."""
    if not _can_unshare():
        pytest.skip("an own public address needs network namespaces (unshare -rn)")
    code = PRELUDE.replace("ALLOWED", "''") + (
        "sock = socket.socket(); sock.settimeout(1)\n"
        "print(tried(lambda: sock.connect(('93.184.215.14', 80))))"
    )
    # Here the real connections are to be judged, in a network of the test's own.
    done = subprocess.run(
        [
            *("unshare", "-rn", "sh", "-c"),
            'ip link set lo up; ip addr add 93.184.215.14/32 dev lo; exec "$@"',
            *("sh", sys.executable, "-P", "-c", code),
        ],
        env={**os.environ, "PYTHONPATH": _without_offline()},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == REFUSED.format("93.184.215.14"), done.stderr


def _can_unshare() -> bool:
    tools = shutil.which("unshare") and shutil.which("ip")
    return bool(tools) and subprocess.run(["unshare", "-rn", "true"]).returncode == 0


def _without_offline() -> str:
    folders = os.environ.get("PYTHONPATH", "").split(":")
    return ":".join(folder for folder in folders if not folder.endswith("tests/offline"))


def test_an_allowed_host_is_reached(victim: tuple[int, list[Any]]) -> None:
    port, met = victim
    (answer,) = guarded(
        f"print(json.dumps([tried(lambda: socket.create_connection(('localhost', {port}), 5))]))",
        allowed=f"127.0.0.1:{port},::1",
    )
    assert answer == "passed"
    assert len(met) == 1


# -- programs -------------------------------------------------------------------------------------


def test_programs_are_not_started() -> None:
    answers = guarded(
        "print(json.dumps([\n"
        "    tried(lambda: subprocess.run(['curl', 'http://127.0.0.1/'])),\n"
        "    tried(lambda: subprocess.run('true', shell=True)),\n"
        "    tried(lambda: os.system('true')),\n"
        "    tried(os.fork),\n"
        "    tried(os.forkpty),\n"
        "    tried(lambda: os.posix_spawn('/bin/true', ['true'], {})),\n"
        "    tried(lambda: os.execv('/bin/true', ['true'])),\n"
        "]))"
    )
    assert answers == [
        "PermissionError: The download process may not start curl.",
        "PermissionError: The download process may not start /bin/sh.",
        *["PermissionError: The download process may not start programs."] * 3,
        *["PermissionError: The download process may not start /bin/true."] * 2,
    ]


@pytest.mark.parametrize(
    ("options", "may"),
    [
        (["--version"], True),
        (["run", *OPTIONS, "-"], True),
        (["run", "--ext=js", "--no-npm", "--v8-flags=--jitless", *OPTIONS, "-"], True),
        (["run", "-"], False),
        (["run", "--no-prompt", "--no-remote", "-"], False),
        (["run", *OPTIONS, "script.js"], False),
        (["run", *OPTIONS, "--allow-net", "-"], False),
        (["run", *OPTIONS, "--allow-net=example.com", "-"], False),
        (["run", *OPTIONS, "--allow-all", "-"], False),
        (["run", *OPTIONS, "-A", "-"], False),
        (["run", *OPTIONS, "-N", "-"], False),
        (["run", *OPTIONS, "--permission-set=all", "-"], False),
        (["run", *OPTIONS, "--unsafely-ignore-certificate-errors", "-"], False),
        (["eval", *OPTIONS, "-"], False),
        ([], False),
    ],
)
def test_deno_is_started_without_permissions_only(options: list[str], may: bool) -> None:
    from ultimate_discord_intelligence_bot.acquisition.guard import _only_deno

    if may:
        _only_deno(str(DENO), [str(DENO), *options], None, None)
    else:
        with pytest.raises(PermissionError):
            _only_deno(str(DENO), [str(DENO), *options], None, None)


HOSTILE = """
const tries = {
  fetch: () => fetch("http://127.0.0.1:%(port)d/"),
  connect: () => Deno.connect({hostname: "127.0.0.1", port: %(port)d}),
  socket: () => new Promise((ok, no) => {
    const socket = new WebSocket("ws://127.0.0.1:%(port)d/");
    socket.onopen = ok; socket.onerror = no;
  }),
  module: () => import("http://127.0.0.1:%(port)d/a.js"),
  package: () => import("npm:is-odd"),
  read: () => Deno.readTextFile("/etc/passwd"),
  write: () => Deno.writeTextFile("stolen", "x"),
  env: () => Deno.env.get("HOME"),
  run: () => new Deno.Command("true").output(),
  listen: () => Deno.listen({port: 0}),
};
const answers = {};
for (const [name, attempt] of Object.entries(tries)) {
  try { await attempt(); answers[name] = "passed"; } catch (error) { answers[name] = "refused"; }
}
console.log(JSON.stringify(answers));
"""


@pytest.mark.skipif(not DENO.exists(), reason="deno is not installed beside Python")
def test_yt_dlp_gives_deno_no_way_out(victim: tuple[int, list[Any]]) -> None:
    """The very command of yt-dlp, under the guard, with a program that wants everything."""
    port, met = victim
    code = f"program = {HOSTILE % {'port': port}!r}\n" + (
        "from types import SimpleNamespace\n"
        "from yt_dlp import YoutubeDL\n"
        "from yt_dlp.extractor.youtube.jsc._builtin.deno import DenoJCP\n"
        "from yt_dlp.extractor.youtube.jsc._builtin.ejs import ScriptVariant\n"
        "runtime = YoutubeDL({'quiet': True})._js_runtimes['deno'].info\n"
        "commands = []\n"
        "class Solver(SimpleNamespace):\n"
        "    _DENO_BASE_OPTIONS = DenoJCP._DENO_BASE_OPTIONS\n"
        "    _NPM_PACKAGES_CACHED = False\n"
        "    _run_js_runtime = DenoJCP._run_js_runtime\n"
        "    _run_deno = DenoJCP._run_deno\n"
        "    _clean_stderr = DenoJCP._clean_stderr\n"
        "    def _get_env_options(self): return dict(os.environ)\n"
        "solver = Solver(runtime_info=runtime, ejs_setting=lambda *_: ['false'],\n"
        "    _lib_script=SimpleNamespace(variant=ScriptVariant.MINIFIED),\n"
        "    ie=SimpleNamespace(get_param=lambda *_: None),\n"
        "    logger=SimpleNamespace(debug=commands.append))\n"
        "print(json.dumps([json.loads(solver._run_js_runtime(program)), commands]))\n"
    )
    answers, commands = guarded(code)
    assert set(answers.values()) == {"refused"}, answers
    assert met == []
    (command,) = commands
    assert "--no-remote" in command
    assert "--allow" not in command


def test_the_one_way_of_yt_dlp_to_the_network() -> None:
    """No other handler, no browser engine, no plugin that could open connections of its own."""
    code = (
        "os.environ['YTDLP_NO_PLUGINS'] = '1'\n"
        "from ultimate_discord_intelligence_bot.acquisition.meter import Meter\n"
        "from ultimate_discord_intelligence_bot.acquisition.ytdlp import downloader\n"
        "request = dict(task='fetch', url='', folder='.', largest=1, longest=1, timeout=1,\n"
        "    language=None, allowed_hosts='', proxy=None)\n"
        "with downloader(request, Meter(Guard('', None, end), 1)) as ydl:\n"
        "    names = [handler.RH_NAME for handler in ydl._request_director.handlers.values()]\n"
        "native = {'curl_cffi', 'pycurl', 'grpc', 'av', 'onnxruntime'}\n"
        "print(json.dumps([names, sorted(native & set(sys.modules)), ydl.proxies]))\n"
    )
    assert guarded(code) == [["requests"], [], {"all": "__noproxy__"}]
