"""`awe serve`: this instance over HTTP."""
from __future__ import annotations

import socket
import sys
from argparse import Namespace

from awe.cli import tokens
from awe.cli.opened import opened
from awe.cli.output import print_json
from awe.cli.resolver import Resolver
from awe.errors import ConfigError, NotFoundError
from awe.fileserver import Cache
from awe.fileserver.server import app, serve


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
        token = tokens.give(home, who.user, project, may_put=options.may_put)
    print_json({"user": who.user, "project": project, "token": token}) if options.json else print(token)
    return 0
