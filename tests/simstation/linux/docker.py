# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIMULATED docker CLI of a distro: its commands, options and refusals. What the engine holds: `engine`; how a container runs: `containers`.

Texts and exit codes: recordings/docker, recordings/gpu; the version numbers of Docker Desktop: samples/windows/docker_version_desktop_4.91.0.txt.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import containers, desktop, docker_archives, engine, gotemplate, own_engine

if TYPE_CHECKING:
    from ..distro.programs import Call

DEFAULT_HOST = "unix:///var/run/docker.sock"
RUN_HELP = "\nRun 'docker run --help' for more information\n"
# docker/for-win#14517, microsoft/WSL#9949: what the script that Docker Desktop puts on the Windows path says.
STUB = """
The command 'docker' could not be found in this WSL 2 distro.
We recommend to activate the WSL integration in Docker Desktop settings.

For details about using Docker Desktop with WSL 2, visit:

https://docs.docker.com/go/wsl2/

"""


class Unreachable(Exception):
    """No engine answers; the text is the CLI's."""


def docker(call: Call) -> int:
    """The CLI itself where the distro has an engine or the integration is on; Docker Desktop's stub where neither is."""
    own, integrated = own_engine.distro_of(call.station.state) == call.distro, desktop.integrated(call.station.state, call.distro)
    if own and integrated:
        call.unknown("Docker Desktop's integration in a distro that has an engine of its own")
    if call.argv[0].startswith("/mnt/c/") or not (own or integrated):
        call.out(STUB)
        return 1
    words = list(call.argv[1:])
    host = call.env.get("DOCKER_HOST", "")
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option in ("-v", "--version"):
            client = engine.client(call.station)
            call.out(f"Docker version {client['Version']}, build {client['GitCommit']}\n")
            return 0
        if option in ("-H", "--host"):
            host = words.pop(0)
        elif option in ("-c", "--context"):
            context = words.pop(0)
            if context != "default":
                return _unknown_context(call, context)
        else:
            call.unknown(option)
    return _command(call, words, host or DEFAULT_HOST)


def _unknown_context(call: Call, name: str) -> int:
    call.err(f'Failed to initialize: unable to resolve docker endpoint: context "{name}": context not found\n')
    return 1


def _command(call: Call, words: list[str], host: str) -> int:
    if not words:
        call.unknown("no command")
    if "://" not in host or host.partition("://")[0] not in ("unix", "tcp", "npipe", "ssh"):
        call.err(f"Failed to initialize: unable to resolve docker endpoint: invalid bind address format: {host}\n")
        return 1
    for length in (2, 1):
        body = COMMANDS.get(" ".join(words[:length]))
        if body is not None:
            return _run_command(call, body, words[length:], host)
    return call.unknown()


def _run_command(call: Call, body: Callable[[Call, list[str], str | None], int], words: list[str], host: str) -> int:
    trouble = why_silent(call, host, next((name for name, known in COMMANDS.items() if known is body), ""))
    try:
        return body(call, words, trouble)
    except Unreachable as refusal:
        call.err(f"{refusal}\n")
        return 1
    except gotemplate.NoSuchField as error:
        call.out("\n")
        call.err(f"{error}\n")
        return 1
    except gotemplate.NotImitated as error:
        call.unknown(f"--format {error}")


def why_silent(call: Call, host: str, verb: str = "") -> str | None:
    """Why this host does not answer, in the CLI's words; None when it does."""
    if host == DEFAULT_HOST:
        own = own_engine.distro_of(call.station.state) == call.distro
        return own_engine.trouble(call.station, call.base, call.uid, host, verb) if own else None
    return f"Cannot connect to the Docker daemon at {host}. Is the docker daemon running?"


def need_engine(trouble: str | None) -> None:
    if trouble:
        raise Unreachable(trouble)


def split_options(call: Call, words: list[str], valued: str, flags: str) -> tuple[dict[str, str], list[str]]:
    """Options before and between the words: `--name value`, `--name=value`, flags. Everything unknown is an error of the simulator."""
    options: dict[str, str] = {}
    rest: list[str] = []
    words = list(words)
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if not word.startswith("-") or word == "-":
            rest.append(word)
        elif name in valued.split():
            options[name] = value if equals else words.pop(0)
        elif name in flags.split():
            options[name] = value if equals else "true"
        else:
            call.unknown(word)
    return options, rest


# --- what the engine is


def version(call: Call, words: list[str], trouble: str | None) -> int:
    options, _rest = split_options(call, words, "-f --format", "")
    form = options.get("--format", options.get("-f"))
    data: dict[str, Any] = {"Client": engine.client(call.station), "Server": None if trouble else engine.server(call.station)}
    if form == "json" or form == "{{json .}}":
        call.out(gotemplate.compact(data) + "\n")
    elif form:
        if trouble and ".Server" in form:
            call.err(f"{trouble}\n")
            return 1
        call.out(gotemplate.render(form, data, "system.versionInfo") + "\n")
    else:
        call.out(engine.version_text(data))
    if trouble:
        call.err(f"{trouble}\n")
        return 1
    return 0


def info(call: Call, words: list[str], trouble: str | None) -> int:
    options, _rest = split_options(call, words, "-f --format", "")
    form = options.get("--format", options.get("-f"))
    data = engine.empty_info(call.station) if trouble else engine.info(call.station)
    if form in ("json", "{{json .}}"):
        call.out(gotemplate.compact(data) + "\n")
    elif form:
        call.out(gotemplate.render(form, data, "system.dockerInfo") + "\n")
    else:
        call.out(engine.info_text(data))
    if trouble:
        call.err(f"{trouble}\n")
        return 1
    return 0


def context(call: Call, words: list[str], trouble: str | None) -> int:
    if words[:1] == ["show"]:
        call.out("default\n")
        return 0
    if words[:1] == ["ls"]:
        call.out("NAME        DESCRIPTION                               DOCKER ENDPOINT               ERROR\n")
        call.out(f"default *   Current DOCKER_HOST based configuration   {DEFAULT_HOST}   \n")
        return 0
    return call.unknown()


# --- images


def image_ls(call: Call, words: list[str], trouble: str | None) -> int:
    options, rest = split_options(call, words, "--format -f --filter", "-q --quiet -a --all --digests --no-trunc")
    need_engine(trouble)
    images = engine.images(call.station)
    wanted = rest[0] if rest else options.get("--filter", options.get("-f", "")).removeprefix("reference=")
    if wanted:
        images = {name: image for name, image in images.items() if name == engine.full_tag(wanted) or name.rpartition(":")[0] == wanted}
    if "-q" in options or "--quiet" in options:
        call.out("".join(f"{image['id'].removeprefix('sha256:')[:12]}\n" for image in images.values()))
        return 0
    rows = [engine.image_row(name, image) for name, image in images.items()]
    return _print_rows(
        call, rows, options.get("--format"), "REPOSITORY   TAG       IMAGE ID   CREATED   SIZE\n", ("Repository", "Tag", "ID", "CreatedSince", "Size")
    )


def _print_rows(call: Call, rows: list[dict[str, Any]], form: str | None, heading: str, columns: tuple[str, ...]) -> int:
    if form in ("json", "{{json .}}"):
        call.out("".join(gotemplate.compact(row) + "\n" for row in rows))
    elif form and not form.startswith("table"):
        call.out("".join(gotemplate.render(form, row, "*formatter.context") + "\n" for row in rows))
    elif form:
        call.unknown(form)
    else:
        call.out(heading + "".join("   ".join(str(row[column]) for column in columns) + "\n" for row in rows))
    return 0


def image_inspect(call: Call, words: list[str], trouble: str | None) -> int:
    options, names = split_options(call, words, "-f --format", "")
    need_engine(trouble)
    form = options.get("--format", options.get("-f"))
    found, missing = [], []
    for name in names:
        image = engine.find_image(call.station, name)
        found.append(engine.image_details(*image)) if image else missing.append(name)
    if form:
        call.out("".join((gotemplate.compact(item) if form == "json" else gotemplate.render(form, item, "image.InspectResponse")) + "\n" for item in found))
    else:
        call.out(json.dumps(found, indent=4, ensure_ascii=False) + "\n")
    for name in missing:
        call.err(f"Error response from daemon: no such image: {name}: No such image: {engine.full_tag(name)}\n")
    return 1 if missing else 0


def pull(call: Call, words: list[str], trouble: str | None) -> int:
    options, names = split_options(call, words, "--platform", "-q --quiet")
    need_engine(trouble)
    name = engine.full_tag(names[0])
    problem = containers.download(call, name, None if "-q" in options or "--quiet" in options else call.out)
    if problem:
        call.err(f"Error response from daemon: {problem}\n")
        return 1
    call.out(f"{engine.long_name(name)}\n")
    return 0


def rmi(call: Call, words: list[str], trouble: str | None) -> int:
    _options, names = split_options(call, words, "", "-f --force")
    need_engine(trouble)
    code = 0
    for name in names:
        image = engine.find_image(call.station, name)
        if image is None:
            call.err(f"Error response from daemon: No such image: {engine.full_tag(name)}\n")
            code = 1
            continue
        with call.station.changed():
            del desktop.engine(call.station)["images"][image[0]]
        call.out(f"Untagged: {image[0]}\nDeleted: {image[1]['id']}\n")
    return code


# --- containers


def run(call: Call, words: list[str], trouble: str | None) -> int:
    request = containers.parse_run(call, words)
    if isinstance(request, str):
        call.err(f"{request}\n\nUsage:  docker run [OPTIONS] IMAGE [COMMAND] [ARG...]\n{RUN_HELP}")
        return 125
    # recordings/docker/permission_denied.json
    problem = (126 if trouble.startswith(own_engine.DENIED) else 125, trouble) if trouble else containers.prepare(call, request)
    if problem:
        code, text = problem
        call.err(f"docker: {text}\n{RUN_HELP}")
        return code
    return containers.run(call, request)


def ps(call: Call, words: list[str], trouble: str | None) -> int:
    options, _rest = split_options(call, words, "--format -f --filter -n", "-a --all -q --quiet --no-trunc -aq")
    need_engine(trouble)
    every = {"-a", "--all", "-aq"} & options.keys()
    found = {name: item for name, item in engine.containers(call.station).items() if every or item["state"] in ("running", "paused")}
    key, _equals, wanted = options.get("--filter", options.get("-f", "")).partition("=")
    if key == "name":
        found = {name: item for name, item in found.items() if wanted.strip("^$/") in name}
    elif key == "label":
        found = {name: item for name, item in found.items() if wanted in engine.labels_text(item).split(",")}
    elif key == "status":
        found = {name: item for name, item in found.items() if item["state"] == wanted}
    elif key:
        call.unknown(f"ps --filter {key}")
    if {"-q", "--quiet", "-aq"} & options.keys():
        call.out("".join(f"{item['id'][:12]}\n" for item in found.values()))
        return 0
    rows = [engine.container_row(call.station, name, item) for name, item in found.items()]
    heading = "CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES\n"
    return _print_rows(call, rows, options.get("--format"), heading, ("ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"))


def inspect(call: Call, words: list[str], trouble: str | None) -> int:
    options, names = split_options(call, words, "-f --format --type", "-s --size")
    need_engine(trouble)
    form = options.get("--format", options.get("-f"))
    found, missing = [], []
    for name in names:
        container = engine.find_container(call.station, name)
        image = None if container or options.get("--type") == "container" else engine.find_image(call.station, name)
        if container:
            found.append(engine.container_details(*container))
        elif image:
            found.append(engine.image_details(*image))
        else:
            missing.append(name)
    if form:
        call.out("".join((gotemplate.compact(item) if form == "json" else gotemplate.render(form, item, "container.InspectResponse")) + "\n" for item in found))
        if missing:
            call.out("\n")
    else:
        call.out(json.dumps(found, indent=4, ensure_ascii=False) + "\n")
    for name in missing:
        call.err(f"Error: No such object: {name}\n" if options.get("--type") != "container" else f"Error response from daemon: No such container: {name}\n")
    return 1 if missing else 0


def container_inspect(call: Call, words: list[str], trouble: str | None) -> int:
    return inspect(call, ["--type=container", *words], trouble)


def remove(call: Call, words: list[str], trouble: str | None) -> int:
    options, names = split_options(call, words, "", "-f --force -v --volumes -fv")
    need_engine(trouble)
    forced = bool({"-f", "--force", "-fv"} & options.keys())
    code = 0
    for name in names:
        problem = containers.remove(call, name, forced=forced, volumes=bool({"-v", "--volumes", "-fv"} & options.keys()))
        if problem and not (forced and problem.startswith("No such container")):
            call.err(f"Error response from daemon: {problem}\n")
            code = 1
        elif not problem:
            call.out(f"{name}\n")
        else:
            call.err(f"Error response from daemon: {problem}\n")
    return code


def stop(call: Call, words: list[str], trouble: str | None) -> int:
    _options, names = split_options(call, words, "-t --time --timeout -s --signal", "")
    need_engine(trouble)
    return _each(call, names, containers.stop)


def start(call: Call, words: list[str], trouble: str | None) -> int:
    _options, names = split_options(call, words, "", "")
    need_engine(trouble)
    return _each(call, names, containers.start)


def _each(call: Call, names: list[str], action: Callable[[Call, str], str | None]) -> int:
    code = 0
    for name in names:
        problem = action(call, name)
        if problem:
            call.err(f"Error response from daemon: {problem}\n")
            code = 1
        else:
            call.out(f"{name}\n")
    return code


def execute(call: Call, words: list[str], trouble: str | None) -> int:
    options: dict[str, str] = {}
    words = list(words)
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option in ("-u", "--user", "-e", "--env", "-w", "--workdir"):
            options[option] = words.pop(0)
        elif option not in ("-i", "-t", "-it", "--interactive", "--tty", "--privileged"):
            call.unknown(option)
    need_engine(trouble)
    return containers.execute(call, words[0], words[1:])


# --- volumes and networks, as far as people look for what a cluster left


def volume(call: Call, words: list[str], trouble: str | None) -> int:
    options, rest = split_options(call, words, "--format --filter -f", "-q --quiet --force")
    need_engine(trouble)
    volumes = desktop.engine(call.station)["volumes"]
    if rest[:1] == ["ls"]:
        quiet = bool({"-q", "--quiet"} & options.keys())
        call.out("".join(f"{name}\n" if quiet else f"local     {name}\n" for name in volumes))
        return 0
    missing = [name for name in rest[1:] if name not in volumes]
    if rest[:1] == ["inspect"]:
        # https://docs.docker.com/reference/cli/docker/volume/inspect/
        there = [name for name in rest[1:] if name in volumes]
        found = [
            {
                "Driver": "local",
                "Labels": volumes[name].get("labels", {}),
                "Mountpoint": f"/var/lib/docker/volumes/{name}/_data",
                "Name": name,
                "Scope": "local",
            }
            for name in there
        ]
        call.out(json.dumps(found, indent=4) + "\n")
        call.err("".join(f"Error response from daemon: get {name}: no such volume\n" for name in missing))
        return 1 if missing else 0
    if rest[:1] == ["rm"]:
        with call.station.changed():
            for name in rest[1:]:
                if volumes.pop(name, None) is not None:
                    call.out(f"{name}\n")
        call.err("".join(f"Error response from daemon: get {name}: no such volume\n" for name in missing))
        return 1 if missing else 0
    return call.unknown()


def network(call: Call, words: list[str], trouble: str | None) -> int:
    options, rest = split_options(call, words, "--format --filter -f", "-q --quiet")
    need_engine(trouble)
    if rest != ["ls"]:
        call.unknown()
    names = ["bridge", *(name for name, item in engine.containers(call.station).items() if item.get("node")), "host", "none"]
    form = options.get("--format", "{{.Name}}")
    call.out("".join(gotemplate.render(form, {"Name": name, "Driver": "bridge"}, "*network") + "\n" for name in names))
    return 0


def save(call: Call, words: list[str], trouble: str | None) -> int:
    options, names = split_options(call, words, "-o --output", "")
    need_engine(trouble)
    return docker_archives.save(call, options, names)


def load(call: Call, words: list[str], trouble: str | None) -> int:
    options, names = split_options(call, words, "-i --input", "-q --quiet")
    need_engine(trouble)
    return docker_archives.load(call, options, names)


def tag(call: Call, words: list[str], trouble: str | None) -> int:
    _options, names = split_options(call, words, "", "")
    need_engine(trouble)
    return docker_archives.tag(call, names)


COMMANDS: dict[str, Callable[[Call, list[str], str | None], int]] = {
    "container inspect": container_inspect,
    "container ls": ps,
    "container rm": remove,
    "container run": run,
    "context": context,
    "exec": execute,
    "image inspect": image_inspect,
    "image ls": image_ls,
    "image pull": pull,
    "image rm": rmi,
    "images": image_ls,
    "info": info,
    "load": load,
    "inspect": inspect,
    "network": network,
    "ps": ps,
    "pull": pull,
    "rm": remove,
    "rmi": rmi,
    "save": save,
    "tag": tag,
    "run": run,
    "start": start,
    "stop": stop,
    "system info": info,
    "version": version,
    "volume": volume,
}
