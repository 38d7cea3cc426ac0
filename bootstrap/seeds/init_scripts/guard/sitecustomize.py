"""Every Python that an init script starts reads this first: its connections lead to the emulator, or nowhere.

It lies in a folder on PYTHONPATH with `emulator_hosts.py` and `emulator.json`. Old syntax only: the AWS command line
may run on a Python of its own.
"""

import errno
import importlib
import importlib.abc
import importlib.machinery
import json
import os
import socket
import sys
from typing import Any, Callable  # noqa: UP035 - as old as the oldest Python that reads this

_HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib would slow every start
_NOWHERE_PORT = 9
_ENDPOINT_PLACE = 3
"""Of `endpoint_url` among the arguments of botocore's `create_client`, if they are not named."""


def _install() -> None:
    with open(os.path.join(_HERE, "emulator.json")) as stream:  # noqa: PTH118, PTH123 - as above
        emulator = json.load(stream)
    hosts = importlib.import_module("emulator_hosts")
    _guard_sockets(_Led(emulator["host"], emulator["port"], hosts.is_emulator))
    sys.meta_path.insert(0, _Botocore(emulator["url"], hosts))


class _Led:
    """Where connections lead."""

    def __init__(self, host: str, port: int, is_emulator: "Callable[[str], bool]") -> None:
        self.host = host
        self._port = port
        self.is_emulator = is_emulator

    def address(self, family: int, address: Any) -> Any:  # noqa: ANN401 - as sockets have it
        if family not in (socket.AF_INET, socket.AF_INET6):
            return address
        text = "connection refused: an init script reaches its emulator only"
        if address[1] == _NOWHERE_PORT:
            raise ConnectionRefusedError(errno.ECONNREFUSED, text)
        if not self.is_emulator(str(address[0])):
            raise ConnectionRefusedError(errno.ECONNREFUSED, text + ", not " + str(address[0]))
        if family == socket.AF_INET6:
            return (self.host if ":" in self.host else "::ffff:" + self.host, self._port, 0, 0)
        return (self.host, self._port)


def _guard_sockets(led: _Led) -> None:
    connect, connect_ex, resolve = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def getaddrinfo(name: Any, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - the original's
        text = name.decode() if isinstance(name, bytes) else name
        return resolve(led.host if text is not None and led.is_emulator(text) else name, *arguments, **named)

    ours: Any = socket.socket
    ours.connect = lambda self, address: connect(self, led.address(self.family, address))
    ours.connect_ex = lambda self, address: connect_ex(self, led.address(self.family, address))
    vars(socket)["getaddrinfo"] = getaddrinfo


class _Botocore(importlib.abc.MetaPathFinder):
    """Watches for botocore, and leads its clients to the emulator: a socket alone could not undo https."""

    def __init__(self, url: str, hosts: Any) -> None:  # noqa: ANN401 - a module
        self._url = url
        self._hosts = hosts

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:  # noqa: ANN401, ARG002 - the import system's
        """Botocore's own module, changed as soon as it is there."""
        if name != "botocore.client":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            execute = loader.exec_module

            def exec_module(module: Any) -> None:  # noqa: ANN401 - a module
                execute(module)
                self._lead(module.ClientCreator)

            loader.exec_module = exec_module
        return spec

    def _lead(self, creator: Any) -> None:  # noqa: ANN401 - a class of botocore
        create = creator.create_client

        def create_client(this: Any, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - botocore's
            given = list(arguments)
            asked = given[_ENDPOINT_PLACE] if len(given) > _ENDPOINT_PLACE else named.get("endpoint_url")
            if not asked or self._hosts.is_emulator(self._hosts.host_of(asked)):
                asked = self._url
            if len(given) > _ENDPOINT_PLACE:
                given[_ENDPOINT_PLACE] = asked
            else:
                named["endpoint_url"] = asked
            return create(this, *given, **named)

        creator.create_client = create_client


_install()
