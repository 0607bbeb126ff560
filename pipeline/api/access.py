"""Who may ask a worker: where it listens, and the bearer token.

Without a token of the operator's the workers of a machine share one, which they make at the first start and keep
where only their user can read it. It serves on loopback only: on other machines nobody would know it.
"""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from pipeline.runtime.batch import Unavailable
from pipeline.settings import Settings


def problem_of_access(settings: Settings) -> str | None:
    """None, or one line that says why a worker with these settings must not answer."""
    if settings.api_token.get_secret_value() or _is_loopback(settings.api_host):
        return None
    return (
        f"THROUGHLINE_API_HOST: {settings.api_host} can be reached from other machines; set THROUGHLINE_API_TOKEN,"
        " the same on all workers, or leave the host out"
    )


def known_token(settings: Settings) -> str | None:
    """The token, None when none is set and no worker has made one in this state directory."""
    with suppress(FileNotFoundError):
        return settings.api_token.get_secret_value() or _file(settings).read_text(encoding="ascii")
    return None


def made_token(settings: Settings) -> str:
    """The token, made and kept now if there is none. Raises Unavailable when the directory cannot be used."""
    file = _file(settings)
    try:
        while (token := known_token(settings)) is None:
            file.parent.mkdir(parents=True, exist_ok=True)
            _keep(file, secrets.token_urlsafe(32))
    except OSError as error:
        raise Unavailable(
            f"{file}: {error.strerror}; set THROUGHLINE_API_TOKEN, or repair the file"
        ) from error
    return token


def _keep(file: Path, token: str) -> None:
    """Make the file, whole and readable by this user only, unless another worker was faster."""
    handle, draft = tempfile.mkstemp(dir=file.parent, prefix=file.name)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as writing:
            writing.write(token)
        with suppress(FileExistsError):
            os.link(draft, file)
    finally:
        Path(draft).unlink()


def _file(settings: Settings) -> Path:
    # No worker's id begins with a dot, so this is nobody's directory.
    return settings.state_dir / settings.group / ".api-token"


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def listen(settings: Settings) -> socket.socket:
    """A socket that listens where the settings say. Raises Unavailable when that is not possible."""
    host, port = settings.api_host, settings.api_port
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason, *_ = (error.strerror or str(error)).split(" (")  # what follows says the address once more
        raise Unavailable(
            f"THROUGHLINE_API_HOST and _PORT: cannot listen on {host}:{port} ({reason}); choose others"
        ) from error


def address_of(settings: Settings, listening: socket.socket) -> str:
    """host:port at which the others reach this worker: as advertised, else where it listens."""
    if settings.api_advertised:
        return settings.api_advertised
    host, port = listening.getsockname()[:2]
    # An address that stands for all of them is none to call.
    host = socket.gethostname() if ip_address(host).is_unspecified else host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
