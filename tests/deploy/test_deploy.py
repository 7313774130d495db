"""What is in deploy/ fits together, gives nothing away, and installs whole.

No container engine is needed: files are read, and what the image is built from is really built.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema.validators import validator_for
from typer.main import get_command

from ultimate_discord_intelligence_bot import __version__
from ultimate_discord_intelligence_bot.cli import app
from ultimate_discord_intelligence_bot.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DOCS = ROOT / "docs" / "deployment.md"
USER = "10001:10001"

COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name for name, service in SERVICES.items() if "build" in service}
EXAMPLE = (DEPLOY / ".env.example").read_text()

KNOWN = {str(field.validation_alias) for field in Settings.model_fields.values()}
COMMANDS = {*get_command(app).list_commands(None)}  # type: ignore[attr-defined]


def tmpfs(service: dict[str, Any]) -> list[str]:
    return [mount.partition(":")[0] for mount in service.get("tmpfs", [])]


# -- compose.yaml ---------------------------------------------------------------------------------


def test_the_compose_file_follows_the_specification() -> None:
    vendored = resources.files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    schema = json.loads(vendored.read_text())
    validator = validator_for(schema)(schema)
    assert not [error.message for error in validator.iter_errors(COMPOSE)]
    misspelt = COMPOSE | {"services": {"worker": {"image": "x", "restrat": "always"}}}
    [error] = validator.iter_errors(misspelt)
    assert "restrat" in error.message


def test_a_service_waits_for_services_whose_health_is_checked() -> None:
    for service in SERVICES.values():
        for other, condition in service.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}
            assert SERVICES[other]["healthcheck"]["test"]


def test_a_service_does_not_wait_for_one_of_a_profile_that_may_be_off() -> None:
    for service in SERVICES.values():
        for other in service.get("depends_on", {}):
            assert set(SERVICES[other].get("profiles", [])) <= set(service.get("profiles", []))


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "pid", "ipc", "network_mode"} & set(service)
    assert service["restart"] == "unless-stopped"
    assert service["deploy"]["resources"]["limits"]["memory"]
    assert service["stop_grace_period"]
    assert service["healthcheck"]["test"][0] == "CMD"
    if name != "neo4j":  # its entry point writes its configuration
        assert service["read_only"] is True


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_service_of_ours_is_nobody_and_writes_to_two_volumes_only(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] == USER
    assert service["init"] is True
    assert service["volumes"] == ["data:/data", "tmp:/tmp"]
    assert service["deploy"]["resources"]["limits"]["pids"]


def test_the_shared_folder_for_sockets_is_that_of_the_user() -> None:
    options = COMPOSE["volumes"]["tmp"]["driver_opts"]["o"].split(",")
    uid, gid = USER.split(":")
    assert {f"uid={uid}", f"gid={gid}", "mode=0700", "noexec", "nosuid", "nodev"} <= set(options)


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_of_a_version(name: str) -> None:
    _, _, tag = SERVICES[name]["image"].partition(":")
    assert re.search(r"\d+\.\d+", tag)
    assert "latest" not in tag


def test_the_image_of_ours_has_the_version_of_the_package() -> None:
    for name in OURS:
        assert f"AUTOINTEL_VERSION:-{__version__}}}" in SERVICES[name]["image"]
    assert f"autointel:{__version__} " in (DEPLOY / "Dockerfile").read_text()


def test_nothing_is_reached_from_outside_the_machine() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_stores_have_no_way_out() -> None:
    assert COMPOSE["networks"]["stores"] == {"internal": True}
    for name in ("postgres", "qdrant", "neo4j"):
        assert SERVICES[name]["networks"] == ["stores"]


def test_volumes_and_networks_are_declared_and_used() -> None:
    used = {volume.partition(":")[0] for s in SERVICES.values() for volume in s["volumes"]}
    assert {name for name in used if not name.startswith(".")} == set(COMPOSE["volumes"])
    joined = {network for service in SERVICES.values() for network in service["networks"]}
    assert joined == set(COMPOSE["networks"])


def test_files_that_are_mounted_exist() -> None:
    mounts = [v.split(":")[0] for s in SERVICES.values() for v in s["volumes"] if v.startswith(".")]
    assert mounts
    assert all((DEPLOY / mount).exists() for mount in mounts)


def test_a_service_of_ours_is_given_known_settings_only() -> None:
    for name in OURS:
        assert set(SERVICES[name]["environment"]) <= KNOWN


def test_secrets_are_not_written_down() -> None:
    for service in SERVICES.values():
        for variable, value in service["environment"].items():
            if re.search(r"PASSWORD|KEY|TOKEN|AUTH|DATABASE_URL", variable):
                assert re.search(r"\$\{[A-Z0-9_]+:[?-]", value), variable


def test_only_the_bot_is_given_its_token() -> None:
    holders = [n for n, s in SERVICES.items() if "DISCORD_BOT_TOKEN" in s["environment"]]
    assert holders == ["bot"]


def test_every_variable_of_the_compose_file_is_explained() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    required = set(re.findall(r"(?<!\$)\$\{([A-Z0-9_]+):\?", text))
    optional = dict(re.findall(r"(?<!\$)\$\{([A-Z0-9_]+):-([^}]*)\}", text))
    assert required | set(optional) == set(re.findall(r"(?<!\$)\$\{([A-Z0-9_]+)", text))
    assert set(re.findall(r"^([A-Z0-9_]+)=$", EXAMPLE, re.MULTILINE)) == required
    assert dict(re.findall(r"^#([A-Z0-9_]+)=(.*)$", EXAMPLE, re.MULTILINE)) == optional


def test_a_missing_secret_says_what_to_do() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    for _, advice in re.findall(r"\$\{(\w+):\?([^}]*)\}", text):
        assert ".env.example" in advice


# -- what the services read -----------------------------------------------------------------------


def test_prometheus_asks_services_that_it_shares_a_network_with() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    joined = set(SERVICES["prometheus"]["networks"])
    for job in config["scrape_configs"]:
        targets = [t for static in job.get("static_configs", []) for t in static["targets"]]
        named = [name for looked_up in job.get("dns_sd_configs", []) for name in looked_up["names"]]
        assert targets or named
        for host in [*(target.partition(":")[0] for target in targets), *named]:
            assert host == "127.0.0.1" or joined & set(SERVICES[host]["networks"])


def test_prometheus_asks_every_service_of_ours_where_it_listens() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    asked = {
        name: looked_up["port"]
        for job in config["scrape_configs"]
        for looked_up in job.get("dns_sd_configs", [])
        for name in looked_up["names"]
    }
    listening = {
        name: int(SERVICES[name]["environment"]["AUTOINTEL_METRICS_ADDRESS"].rpartition(":")[2])
        for name in OURS
    }
    assert asked == listening


def test_prometheus_has_the_rules_where_it_looks_for_them() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    mounted = {volume.split(":")[1] for volume in SERVICES["prometheus"]["volumes"]}
    assert {f"/etc/prometheus/{name}" for name in config["rule_files"]} <= mounted


def test_grafana_finds_the_dashboards_where_they_are_mounted() -> None:
    text = (DEPLOY / "grafana/dashboards/provider.yaml").read_text()
    (provider,) = yaml.safe_load(text)["providers"]
    mounted = {volume.split(":")[1] for volume in SERVICES["grafana"]["volumes"]}
    assert provider["options"]["path"] in mounted


def test_prometheus_finds_the_key_where_the_container_writes_it() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    files = [
        job["authorization"]["credentials_file"]
        for job in config["scrape_configs"]
        if "authorization" in job
    ]
    service = SERVICES["prometheus"]
    for file in files:
        assert f">{file} " in service["entrypoint"][2]
        assert str(Path(file).parent) in tmpfs(service)


def test_grafana_reads_from_prometheus() -> None:
    (source,) = yaml.safe_load((DEPLOY / "grafana/datasources/prometheus.yaml").read_text())[
        "datasources"
    ]
    assert source["type"] == "prometheus"
    assert source["url"] == "http://prometheus:9090"


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
@pytest.mark.parametrize(
    ("service", "port", "path"),
    [("qdrant", "6333", "/readyz"), ("worker", "9464", "/healthz"), ("bot", "9464", "/healthz")],
)
def test_a_service_is_healthy_when_it_says_so(
    service: str, port: str, path: str, status: int, healthy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import http.server
    import threading

    class Ready(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == path else 404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002

    with http.server.HTTPServer(("127.0.0.1", 0), Ready) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        _, *command = SERVICES[service]["healthcheck"]["test"]
        command = [part.replace(port, str(server.server_port)) for part in command]
        monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
        assert (subprocess.run(command, timeout=10).returncode == 0) is healthy


# -- Dockerfile -----------------------------------------------------------------------------------


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile with their arguments, continued lines joined."""
    lines = [
        line
        for line in (DEPLOY / "Dockerfile").read_text().splitlines()
        if not line.lstrip().startswith("#")
    ]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(line.split()[0], line.partition(" ")[2]) for line in joined.splitlines() if line]


def stages() -> dict[str, list[tuple[str, str]]]:
    """Every stage with all its instructions, those of the stages below it first."""
    found: dict[str, list[tuple[str, str]]] = {}
    current: list[tuple[str, str]] = []
    for name, args in instructions():
        if name == "FROM":
            below, _, stage = args.split()
            current = found[stage] = list(found.get(below, []))
        else:
            current.append((name, args))
    return found


def shipped() -> dict[str, list[tuple[str, str]]]:
    return {
        s["build"]["target"]: stages()[s["build"]["target"]]
        for s in SERVICES.values()
        if "build" in s
    }


def arguments(stage: list[tuple[str, str]], wanted: str) -> list[str]:
    return [args for name, args in stage if name == wanted]


def test_what_is_built_unasked_is_the_image_of_the_worker() -> None:
    assert list(stages())[-1] == SERVICES["worker"]["build"]["target"]


def test_every_stage_begins_with_a_pinned_base_or_a_stage() -> None:
    (base,) = [args for name, args in instructions() if name == "ARG"]
    assert re.fullmatch(r"BASE=python:3\.11-slim-[a-z]+", base)
    known = {"${BASE}"}
    for name, args in instructions():
        if name == "FROM":
            below, _, stage = args.split()
            assert below in known
            known.add(stage)


def test_an_image_runs_as_the_user_of_the_compose_file() -> None:
    for stage in shipped().values():
        assert arguments(stage, "USER")[-1] == USER
        uid, gid = USER.split(":")
        assert f"--uid {uid}" in " ".join(arguments(stage, "RUN"))
        assert f"--owner={uid} --group={gid} --mode=0700 /data" in " ".join(arguments(stage, "RUN"))


def test_an_image_hands_signals_on() -> None:
    for stage in shipped().values():
        assert json.loads(arguments(stage, "ENTRYPOINT")[-1]) == ["autointel"]
        assert isinstance(json.loads(arguments(stage, "CMD")[-1]), list)
        assert arguments(stage, "STOPSIGNAL") == ["SIGTERM"]


def test_the_health_check_of_the_image_needs_nothing_but_a_data_folder(tmp_path: Path) -> None:
    for stage in shipped().values():
        (check,) = arguments(stage, "HEALTHCHECK")
        program, *command = json.loads(check.split(" CMD ")[1])
        asked = [Path(sys.executable).with_name(program), *command]
        environment = os.environ | {"AUTOINTEL_DATA_DIR": str(tmp_path)}
        assert subprocess.run(asked, env=environment, timeout=60).returncode == 0


def test_an_image_has_a_volume_for_the_data_and_a_home_that_can_be_written() -> None:
    for stage in shipped().values():
        environment = dict(re.findall(r"([A-Z0-9_]+)=(\S+)", " ".join(arguments(stage, "ENV"))))
        assert environment["AUTOINTEL_DATA_DIR"] in arguments(stage, "VOLUME")
        assert environment["HOME"] == "/tmp"
        assert environment["ORT_DISABLE_TELEMETRY"] == "1"
        assert not any(re.search(r"KEY|TOKEN|PASSWORD|SECRET", name) for name in environment)


def test_everything_is_installed_by_its_hash() -> None:
    runs = " && ".join(args for name, args in instructions() if name == "RUN")
    commands = [
        command for command in runs.split("&&") if "pip install" in command or "uv build" in command
    ]
    assert len(commands) == 5
    for command in commands:
        assert "--require-hashes" in command or "--no-deps /wheel/*.whl" in command
        for file in re.findall(r"(?:-r|--build-constraints) (\S+)", command):
            assert_hashed(ROOT / file)


def assert_hashed(file: Path) -> None:
    text = re.sub(r"\\\n\s*", "", file.read_text())
    requirements = [
        line for line in text.splitlines() if line and not line.lstrip().startswith("#")
    ]
    assert requirements
    assert all("==" in line and "--hash=sha256:" in line for line in requirements)


def test_the_build_back_end_is_among_the_pinned() -> None:
    pinned = set(
        re.findall(r"^([a-z0-9_.-]+)==", (ROOT / "requirements/dev.txt").read_text(), re.MULTILINE)
    )
    assert {"hatchling", "packaging", "pathspec", "pluggy", "trove-classifiers"} <= pinned


def test_the_paths_of_the_image_are_those_of_its_python() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    (minor,) = set(re.findall(r"python:(\d\.\d+)-", text))
    assert set(re.findall(r"python(\d\.\d+)", text)) == {minor}


# -- .dockerignore --------------------------------------------------------------------------------


def ignored(path: str) -> bool:
    """Whether the build does not see a path: the last pattern that fits it or a parent decides."""
    verdict = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = re.escape(line.removeprefix("!")).replace(r"\*\*/", "(?:.*/)?")
        pattern = pattern.replace(r"\*", "[^/]*").replace(r"\[", "[").replace(r"\]", "]")
        if re.fullmatch(f"{pattern}(?:/.*)?", path):
            verdict = not line.startswith("!")
    return verdict


def test_everything_that_is_copied_exists_and_is_seen_by_the_build() -> None:
    for name, args in instructions():
        if name != "COPY" or args.startswith("--from"):
            continue
        *sources, _ = args.split()
        for source in sources:
            assert (ROOT / source).exists()
            assert not ignored(source)


@pytest.mark.parametrize(
    "path",
    [
        *(
            ".env",
            "deploy/.env",
            "deploy/autointel.env",
            "deploy/backups/a",
            "src/__pycache__/a.pyc",
        ),
        *(".git/config", ".venv/bin/python", "tests/conftest.py", "demo-report/data/owner.lock"),
    ],
)
def test_the_build_does_not_see_secrets_and_leftovers(path: str) -> None:
    assert ignored(path)


def test_secrets_are_not_committed() -> None:
    rules = (DEPLOY / ".gitignore").read_text().splitlines()
    assert {".env", "autointel.env", "backups/"} <= set(rules)


# -- autointel.service ----------------------------------------------------------------------------

UNIT = (DEPLOY / "autointel.service").read_text()


def directives(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", UNIT, re.MULTILINE)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "autointel.service"
    unit.write_text(UNIT.replace("/opt/autointel/bin/autointel", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_stops_the_service_alone_and_waits_as_long_as_the_containers() -> None:
    assert directives("KillMode") == ["mixed"]
    (patience,) = directives("TimeoutStopSec")
    (drain,) = re.findall(r"^#AUTOINTEL_DRAIN=(\d+)m$", EXAMPLE, re.MULTILINE)
    assert patience == f"{drain}min"


def test_the_unit_is_confined() -> None:
    assert directives("User") == ["autointel"]
    for name in ("NoNewPrivileges", "PrivateTmp", "ProtectHome", "RestrictNamespaces"):
        assert directives(name) == ["yes"]
    assert directives("ProtectSystem") == ["strict"]
    assert directives("CapabilityBoundingSet") == [""]


def test_the_unit_sets_known_settings_only() -> None:
    names = {line.partition("=")[0] for line in directives("Environment")}
    assert names - {"HOME", "TMPDIR", "ORT_DISABLE_TELEMETRY"} <= KNOWN


# -- what is installed ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of what the build of the image sees."""
    folder = tmp_path_factory.mktemp("build")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for name in ("config", "src"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "wheel")],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=60,
    )
    (built,) = (folder / "wheel").glob("*.whl")
    return built


def package_files() -> Iterator[str]:
    source = ROOT / "src"
    for path in source.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield str(path.relative_to(source))
    for path in (ROOT / "config").rglob("*"):
        if path.is_file():
            yield f"ultimate_discord_intelligence_bot/config/{path.relative_to(ROOT / 'config')}"


def test_the_wheel_holds_every_file(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == set(package_files())


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of an environment that has the wheel, and everything else from this one."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, symlinks=True)
    packages = next(folder.glob("lib/python*/site-packages"))
    zipfile.ZipFile(wheel).extractall(packages)
    # A path file inside a path file is not read: our own editable installation stays out.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    command = folder / "bin" / "autointel"
    command.write_text(
        f"#!{folder}/bin/python\nfrom ultimate_discord_intelligence_bot.cli import main\nmain()\n"
    )
    command.chmod(0o755)
    return command


def called(command: Path, *args: str, data: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(command), *args],
        env={
            "PATH": f"{command.parent}:/usr/bin:/bin",
            "HOME": "/nonexistent",
            "AUTOINTEL_DATA_DIR": str(data),
            "AUTOINTEL_WIKIPEDIA": "off",
            "ORT_DISABLE_TELEMETRY": "1",
            "PYTHONPATH": os.environ["PYTHONPATH"],  # the tests' watch over the network
            "AUTOINTEL_TEST_ATTEMPTS": os.environ["AUTOINTEL_TEST_ATTEMPTS"],
        },
        cwd=data.parent,
        capture_output=True,
        text=True,
        timeout=110,
    )


def test_the_installed_command_is_not_this_checkout(installed: Path, tmp_path: Path) -> None:
    where = "import ultimate_discord_intelligence_bot as package; print(package.__file__)"
    done = called(installed.with_name("python"), "-c", where, data=tmp_path / "data")
    assert done.stdout.startswith(str(installed.parents[1])), done.stderr


def test_the_installed_command_knows_its_version(installed: Path, tmp_path: Path) -> None:
    done = called(installed, "--version", data=tmp_path / "data")
    assert done.stdout == f"autointel {__version__}\n", done.stderr


def test_the_installed_command_makes_a_briefing_of_every_kind_of_work(
    installed: Path, tmp_path: Path
) -> None:
    shutil.copy(ROOT / "examples" / "almanac.vtt", tmp_path)
    data, out = tmp_path / "data", tmp_path / "out"
    command = ("run", "almanac.vtt", "--depth", "experimental", "--out", str(out), "--json")
    done = called(installed, *command, data=data)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "complete"
    assert (out / "report.html").stat().st_size > 10_000


# -- the page -------------------------------------------------------------------------------------


def test_the_page_is_linked_and_its_links_lead_somewhere() -> None:
    assert "](docs/deployment.md)" in (ROOT / "README.md").read_text()
    links = re.findall(r"\]\(([^)#:]+)\)", DOCS.read_text())
    assert links
    assert all((DOCS.parent / link).exists() for link in links)


def test_the_page_names_commands_and_services_that_exist() -> None:
    text = DOCS.read_text()
    shown = "\n".join(
        a or b for a, b in re.findall(r"```sh\n(.*?)```|`([^`\n]+)`", text, re.DOTALL)
    )
    assert set(re.findall(r"(?<!-u )\bautointel ([a-z]+)", shown)) <= COMMANDS
    options = r'(?: -\S+(?: \d+| "[^"]*"| tar)?)*'
    verbs = "exec|kill|logs|run|start|stop"
    compose = re.findall(rf"docker compose (?:{verbs}){options} ([a-z0-9-]+)", shown)
    assert set(compose) <= set(SERVICES)


def test_the_settings_on_the_page_are_known() -> None:
    named = set(re.findall(r"\bAUTOINTEL_[A-Z_]+\b", DOCS.read_text()))
    explained = set(re.findall(r"^#?([A-Z0-9_]+)=", EXAMPLE, re.MULTILINE))
    assert named <= KNOWN | explained
