"""What keeps a program from every address but its emulator's, by the system: for the calling process and its children.

`namespace` (Linux): a network of its own, in which only the gate listens. `landlock` (Linux 6.7 or newer, also inside
containers that forbid namespaces): TCP connections to the emulator's port alone. `sandbox` (macOS): `sandbox-exec`
lets the emulator's port through alone. None of them needs more rights than the user has.
"""

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path


class Guard(StrEnum):
    """What the system does for us, the strongest first."""

    NAMESPACE = "namespace"
    LANDLOCK = "landlock"
    SANDBOX = "sandbox"
    NONE = "none"


SANDBOX_PROGRAM = Path("/usr/bin/sandbox-exec")

_NEW_MOUNTS, _NEW_USER, _NEW_NETWORK = 0x00020000, 0x10000000, 0x40000000
_BIND, _RECURSIVE, _PRIVATE = 0x1000, 0x4000, 1 << 18
_MOUNT_SETATTR, _AT_FDCWD, _AT_RECURSIVE, _READ_ONLY = 442, -100, 0x8000, 1
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_CONNECT_TCP, _RULE_NET_PORT, _ABI_WITH_NETWORK = 2, 2, 4
_NO_NEW_PRIVILEGES, _DIE_WITH_PARENT = 38, 1
_GET_FLAGS, _SET_FLAGS, _IS_UP = 0x8913, 0x8914, 0x1
_INTERFACE = struct.Struct("16sh22x")
# A container engine starts programs for whoever asks, in networks that are not ours.
_ENGINES = ("/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock", "/run/containerd/containerd.sock")


def enter_namespace(*, hosts: Path, read_only: Iterable[Path], writable: Iterable[Path]) -> None:
    """Move this process into a network and mounts of its own: nothing but its own loopback can be reached.

    `hosts` stands for /etc/hosts there; of the folders, the former can only be read, except for the latter inside them.

    Raises:
        OSError: the system does not allow it.
    """
    user, group = os.getuid(), os.getgid()
    try:
        _checked(_libc().unshare(_NEW_USER | _NEW_NETWORK | _NEW_MOUNTS), "unshare")
    except OSError:
        # Root of a system that has no user namespaces needs none.
        _checked(_libc().unshare(_NEW_NETWORK | _NEW_MOUNTS), "unshare")
    else:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _raise_loopback()
    _mount(None, "/", _RECURSIVE | _PRIVATE)
    if Path("/etc/hosts").exists():
        _mount(str(hosts), "/etc/hosts", _BIND)
    for engine in filter(os.path.exists, _ENGINES):
        _mount("/dev/null", engine, _BIND)
    _protect([folder for folder in read_only if folder.is_dir()], [folder for folder in writable if folder.is_dir()])


def listen(ports: Iterable[int]) -> list[socket.socket]:
    """Sockets that wait on these ports of 127.0.0.1 and ::1; those that cannot be had are left out."""
    listeners = []
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        for port in ports:
            listener = socket.socket(family, socket.SOCK_STREAM)
            try:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind((host, port))
                listener.listen(128)
            except OSError:
                listener.close()
            else:
                listeners.append(listener)
    return listeners


def restrict_connections(ports: Sequence[int]) -> None:
    """Let this process and its children make TCP connections to these ports alone, permanently (Landlock).

    Raises:
        OSError: the kernel cannot.
    """
    version = _checked(_libc().syscall(_CREATE_RULESET, None, 0, 1), "landlock")
    if version < _ABI_WITH_NETWORK:
        raise OSError(f"Landlock {version} knows no networks")
    attributes = ctypes.create_string_buffer(struct.pack("=QQ", 0, _CONNECT_TCP), 16)
    ruleset = _checked(_libc().syscall(_CREATE_RULESET, attributes, 16, 0), "landlock_create_ruleset")
    for port in ports:
        rule = ctypes.create_string_buffer(struct.pack("=QQ", _CONNECT_TCP, port), 16)
        _checked(_libc().syscall(_ADD_RULE, ruleset, _RULE_NET_PORT, rule, 0), "landlock_add_rule")
    _checked(_libc().prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0), "prctl")
    _checked(_libc().syscall(_RESTRICT_SELF, ruleset, 0), "landlock_restrict_self")
    os.close(ruleset)


def sandboxed(argv: Sequence[str], ports: Sequence[int]) -> list[str]:
    """The command line under macOS's sandbox: it may connect to these ports of this machine and to nothing else."""
    allowed = "".join(f'(allow network-outbound (remote ip "localhost:{port}"))' for port in ports)
    profile = f"(version 1)(allow default)(deny network*){allowed}"
    return [str(SANDBOX_PROGRAM), "-p", profile, *argv]


def die_with_parent() -> None:
    """End with the process that started this one, however that ends (Linux)."""
    with contextlib.suppress(AttributeError):
        _libc().prctl(_DIE_WITH_PARENT, 9, 0, 0, 0)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _mount(source: str | None, target: str, flags: int) -> None:
    encoded = None if source is None else os.fsencode(source)
    _checked(_libc().mount(encoded, os.fsencode(target), None, flags, None), f"mount {target}")


def _protect(read_only: Sequence[Path], writable: Sequence[Path]) -> None:
    """Folders that cannot be written, except for those inside them that can; nothing on kernels before 5.12."""
    for folder in (*read_only, *writable):
        _mount(str(folder), str(folder), _BIND | _RECURSIVE)
    with contextlib.suppress(OSError):
        for folder in read_only:
            _set_attributes(folder, added=_READ_ONLY, removed=0)
        for folder in writable:
            _set_attributes(folder, added=0, removed=_READ_ONLY)


def _set_attributes(folder: Path, *, added: int, removed: int) -> None:
    attributes = ctypes.create_string_buffer(struct.pack("=QQQQ", added, removed, 0, 0), 32)
    name = os.fsencode(folder)
    result = _libc().syscall(_MOUNT_SETATTR, _AT_FDCWD, name, _AT_RECURSIVE, attributes, ctypes.c_size_t(32))
    _checked(result, "mount_setattr")


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = bytearray(_INTERFACE.pack(b"lo", 0))
        fcntl.ioctl(any_socket, _GET_FLAGS, request)
        name, flags = _INTERFACE.unpack(request)
        fcntl.ioctl(any_socket, _SET_FLAGS, _INTERFACE.pack(name, flags | _IS_UP))
