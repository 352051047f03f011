"""`awe serve`: this instance over HTTP."""
from __future__ import annotations

import contextlib
import socket
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import uvicorn

from awe.cli.opened import opened
from awe.cli.output import print_json
from awe.config import default_home
from awe.errors import ConfigError, ForbiddenError, NotFoundError
from awe.fileserver import Cache
from awe.fileserver.sendfile import SendfileProtocol
from awe.fileserver.server import app, serve
from awe.persist.user import add_user
from awe.services import tokens
from awe.services.app import create_app
from awe.services.house import open_house
from awe.services.resolver import Resolver

#: How uvicorn is set for the pages.
SETTINGS: dict[str, Any] = {"http": SendfileProtocol, "loop": "asyncio", "ws": "none", "lifespan": "on", "access_log": False,
                            "server_header": False, "log_level": "warning", "timeout_keep_alive": 15,
                            "h11_max_incomplete_event_size": 1 << 18}


def serve_pages(options: Namespace) -> int:
    """Serve the pages and the API until interrupted."""
    check_address(options.host, options.port)
    home = Path(options.home) if options.home else default_home()
    house = open_house(home)
    walls = house.instance.database
    if walls.dialect == "postgresql" and not walls.roles:
        print("awe: this database has no roles, so that statements alone say who sees what; `awe user add` makes roles", file=sys.stderr)
    print(f"serving {house.instance.config.home} at http://{options.host}:{options.port}/; Ctrl-C ends it", file=sys.stderr)
    uvicorn.run(create_app(house), host=options.host, port=options.port, **SETTINGS)
    return 0


def serve_files(options: Namespace) -> int:
    """Serve until interrupted."""
    with opened(options) as instance:
        check_address(options.host, options.port)
        cache = Cache(instance.config.home / "cache", instance.config.cache_bytes) if options.peer and not options.refer else None
        print(f"serving the files of {instance.config.home} at http://{options.host}:{options.port}/files/NAME; Ctrl-C ends it",
              file=sys.stderr)
        serve(app(instance.store, Resolver(instance), options.peer, cache=cache, refer=options.refer), options.host, options.port)
    return 0


def check_address(host: str, port: int) -> None:
    """Refuse an address that is not ours or is taken, in a sentence."""
    if not 0 < port < 65536:
        raise ConfigError(f"--port {port} was given; give 1 to 65535")
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise ConfigError(f"cannot listen at {host}:{port}: {error.strerror or error}; choose another --host or --port") from error


def serve_token(options: Namespace) -> int:
    """Give a user a token, or take theirs away."""
    with opened(options) as instance:
        home, project = instance.config.home, options.project or instance.config.project
        if options.revoke:
            count = tokens.revoke(home, options.user)
            if not count:
                raise NotFoundError(f"{options.user!r} has no tokens here; there was nothing to take away")
            print_json({"revoked": count}) if options.json else print(f"{count} tokens of {options.user} are void")
            return 0
        who = instance.database.find_identity(options.user, project)
        if instance.database.dialect == "postgresql":
            with contextlib.suppress(ForbiddenError):  # who cannot make roles serves without them
                add_user(instance.database, options.user)
        token = tokens.give(home, who.user, project, may_put=options.may_put, may_edit=options.may_edit)
    print_json({"user": who.user, "project": project, "token": token}) if options.json else print(token)
    return 0
