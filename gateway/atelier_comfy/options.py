"""Options of `atelier comfy`: the flags of ComfyUI that it supports, and a few of its own."""

import argparse
import hashlib
import ipaddress
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

DEFAULT_PORT = 8188
LOCAL_NAMES = ("127.0.0.1", "::1", "localhost")
_EVERYWHERE = "0.0.0.0"  # noqa: S104 (what ComfyUI's bare --listen means; refused without a flag)
_BASE = Path("var/comfy")

OPEN_FLAG = "--anybody-who-reaches-this-port-controls-this-machine"


class OptionsError(ValueError):
    """Flags contradict each other, or a value is not valid."""


@dataclass(frozen=True)
class ServerOptions:
    """The options of a server.

    Attributes:
        listen: Addresses to bind.
        port: Port; 0 for any free one.
        open_to_all: True if `listen` has an address that is not loopback; OPEN_FLAG allows that.
        base, input, output, temp, user, state: Folders.
        extra_paths: YAML files that name further folders of packs and models.
        custom_nodes: True if packs are loaded.
        cache: `classic`, `lru:N`, `none` or `ram`, with thresholds in GB after colons.
        hosts: The most hosts, and prompts that run at once.
        cpu: True to hide GPUs from nodes.
        front_end: True if a front end is served.
        front_end_root: Folder of another front end; None for the official one.
        cors_origin: Another origin whose pages are allowed; `*` for any, empty for none.
        max_upload_bytes: The largest body of a request.
        mesh_url, mesh_key: The mesh that draws, and its API key; empty for none.
    """

    listen: tuple[str, ...]
    port: int
    open_to_all: bool
    base: Path
    input: Path
    output: Path
    temp: Path
    user: Path
    state: Path
    extra_paths: tuple[Path, ...]
    custom_nodes: bool
    cache: str
    hosts: int
    cpu: bool
    front_end: bool
    front_end_root: Path | None
    cors_origin: str
    max_upload_bytes: int
    mesh_url: str
    mesh_key: str


def read_options(arguments: Sequence[str], environment: dict[str, str]) -> ServerOptions:
    """Parses the command line.

    Unknown flags, such as other ones of ComfyUI, are ignored and named in one line on standard error.

    Args:
        arguments: Words after `atelier comfy`.
        environment: Of the process: ATELIER_API_KEY is the default of `--key`.

    Raises:
        OptionsError: An address other than loopback without the flag that allows it, or a wrong value.
    """
    known, unknown = _parser().parse_known_args(arguments)
    if unknown:
        print(f"atelier comfy: ignored, they mean nothing here: {' '.join(unknown)}", file=sys.stderr, flush=True)
    listen = tuple(dict.fromkeys(word.strip() for word in known.listen.split(",") if word.strip()))
    if not listen:
        raise OptionsError("--listen names no address")
    beyond = [address for address in listen if not is_loopback(address)]
    if beyond and not known.open_to_all:
        raise OptionsError(
            f"--listen {','.join(beyond)} lets other machines in, and this server asks for no credentials: whoever "
            f"reaches the port can run code and read and write files here. If that is what you want, add {OPEN_FLAG}"
        )
    if not 0 <= known.port <= 65535:
        raise OptionsError("--port is a number from 0 to 65535")
    if known.hosts < 1:
        raise OptionsError("--hosts is at least 1")
    base = known.base_directory or _BASE
    options = ServerOptions(
        listen=listen,
        port=known.port,
        open_to_all=bool(beyond),
        base=base.absolute(),
        input=(known.input_directory or base / "input").absolute(),
        output=(known.output_directory or base / "output").absolute(),
        # ComfyUI adds a folder of its own to the one that is named.
        temp=(known.temp_directory / "temp" if known.temp_directory else base / "temp").absolute(),
        user=(known.user_directory or base / "user").absolute(),
        state=known.state_directory.absolute() if known.state_directory else Path(),
        extra_paths=tuple(path.absolute() for paths in known.extra_model_paths_config for path in paths),
        custom_nodes=not known.disable_all_custom_nodes,
        cache=_cache(known),
        hosts=known.hosts,
        cpu=known.cpu,
        front_end=known.front_end or known.front_end_root is not None,
        front_end_root=known.front_end_root.absolute() if known.front_end_root else None,
        cors_origin=known.enable_cors_header or "",
        max_upload_bytes=int(known.max_upload_size * 1024 * 1024),
        mesh_url=known.mesh or "",
        mesh_key=known.key or environment.get("ATELIER_API_KEY", ""),
    )
    return options if known.state_directory else replace(options, state=_default_state(options))


def shown_arguments(arguments: Sequence[str]) -> list[str]:
    """Returns the words of the command line without the key of the mesh, for clients."""
    shown: list[str] = []
    for word in arguments:
        if shown and shown[-1] == "--key":
            word = "…"
        shown.append("--key=…" if word.startswith("--key=") else word)
    return shown


def host_environment(environment: Iterable[str]) -> tuple[str, ...]:
    """Returns the names of the variables for node hosts: all except `ATELIER_*`, such as the key of the mesh."""
    return tuple(name for name in environment if not name.startswith("ATELIER_"))


def _default_state(options: ServerOptions) -> Path:
    """Returns a folder for each port and each set of flags that determine how prompts run and where their files are.

    Its content is only valid with the same flags: the history names files of the output folder, and waiting prompts
    name files of the input folder and nodes of packs.
    """
    ways = (options.input, options.output, options.temp, options.extra_paths, options.custom_nodes, options.cache)
    digest = hashlib.sha256(repr(ways).encode()).hexdigest()[:8]
    return options.user / f"prompts-{options.port}-{digest}"


def is_loopback(address: str) -> bool:
    """True if `address`, a name or an IP address, is reachable only from this machine."""
    if address in LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _cache(known: argparse.Namespace) -> str:
    if known.cache_classic:
        return "classic"
    if known.cache_none:
        return "none"
    if known.cache_lru < 0:
        raise OptionsError("--cache-lru is a number of nodes, or 0 for the default cache")
    if known.cache_lru:
        return f"lru:{known.cache_lru}"
    if len(known.cache_ram or ()) > 2:
        raise OptionsError("--cache-ram takes two thresholds at most")
    return ":".join(["ram", *(f"{size:g}" for size in known.cache_ram or ())])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="atelier comfy",
        allow_abbrev=False,
        description="Serves ComfyUI's HTTP and WebSocket API on this machine: for one person, without credentials.",
        epilog="Other flags of ComfyUI are accepted and ignored.",
    )
    add = parser.add_argument
    add("--listen", nargs="?", const=_EVERYWHERE, default="127.0.0.1", metavar="ADDRESS", help="addresses, by commas")
    add(OPEN_FLAG, dest="open_to_all", action="store_true", help="allow addresses that other machines reach")
    add("--port", type=int, default=DEFAULT_PORT, help=f"port, {DEFAULT_PORT} by default; 0 for any")
    add("--base-directory", type=Path, metavar="DIR", help=f"what the other folders lie in; {_BASE} by default")
    add("--output-directory", type=Path, metavar="DIR", help="where pictures are saved")
    add("--input-directory", type=Path, metavar="DIR", help="where uploads are stored")
    add("--temp-directory", type=Path, metavar="DIR", help="where previews are stored")
    add("--user-directory", type=Path, metavar="DIR", help="settings and workflows of the front end")
    add("--state-directory", type=Path, metavar="DIR", help="queue and history; by default a folder of the user's")
    add("--extra-model-paths-config", type=Path, nargs="+", action="append", default=[], metavar="FILE")
    add("--disable-all-custom-nodes", action="store_true", help="load no packs")
    caches = parser.add_mutually_exclusive_group()
    caches.add_argument("--cache-classic", action="store_true", help="keep results of the last prompt only")
    caches.add_argument("--cache-lru", type=int, default=0, metavar="N", help="keep the results of N nodes")
    caches.add_argument("--cache-none", action="store_true", help="keep no results")
    caches.add_argument("--cache-ram", type=float, nargs="*", metavar="GB", help="keep results while memory is free")
    add("--cpu", action="store_true", help="nodes see no GPU")
    add("--hosts", type=int, default=4, metavar="N", help="prompts that run at once; 4 by default")
    add("--front-end", action="store_true", help="serve the front end of the package comfyui-frontend-package")
    add("--front-end-root", type=Path, metavar="DIR", help="serve another front end")
    add("--enable-cors-header", nargs="?", const="*", metavar="ORIGIN", help="web pages of ORIGIN may call")
    add("--max-upload-size", type=float, default=100, metavar="MB", help="bound of a request's body")
    add("--mesh", metavar="URL", help="mesh that draws what nodes ask for")
    add("--key", help="API key of the mesh; by default ATELIER_API_KEY")
    return parser
