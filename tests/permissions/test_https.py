"""``Http.request`` with TLS: certificates are always checked, and encryption is never lost."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cli.conftest import Program
from llmspell import Permissions, Runtime, ScriptError

from .web_server import Server, serving


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost that nobody has signed, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


@pytest.fixture(scope="module")
def secure(certificate: tuple[Path, Path]) -> Iterator[Server]:
    with serving(certificate) as server:
        yield server


def test_a_certificate_nobody_vouches_for_is_refused(secure: Server) -> None:
    with (
        Runtime(profile="minimal", permissions=Permissions(net=["localhost"])) as runtime,
        pytest.raises(ScriptError, match="cannot be trusted") as caught,
    ):
        runtime.execute("Http.request(INPUT)", engine="lua", input=secure.url)
    assert (caught.value.code, caught.value.details["reason"]) == ("http_error", "tls")
    assert secure.requests == []


def test_a_server_without_tls_is_no_https_server() -> None:
    with (
        serving() as plain,
        Runtime(profile="minimal", permissions=Permissions.all()) as runtime,
        pytest.raises(ScriptError) as caught,
    ):
        runtime.execute(
            "Http.request(INPUT)", engine="lua", input=f"https://127.0.0.1:{plain.port}/"
        )
    assert caught.value.details["reason"] == "tls"


def test_a_certificate_the_host_trusts_is_accepted_and_encryption_is_kept(
    secure: Server, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    llmspell = Program(tmp_path)
    code = """
        local page = Http.request(ARGS[1])
        local ok, problem = pcall(Http.request, ARGS[1] .. "/to?url=http://localhost:1/")
        return { body = page.body, reason = problem.details.reason }
    """
    done = llmspell(
        *("-p", "minimal", "exec", "--json", "--engine", "lua", "--allow-net=localhost"),
        *(code, secure.url),
        environ={"SSL_CERT_FILE": str(certificate[0])},
    )
    assert json.loads(done.stdout)["value"] == {"body": "welcome", "reason": "insecure_redirect"}
