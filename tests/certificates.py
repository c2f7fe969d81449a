"""Certificates for servers of tests that speak TLS."""

import ssl
import subprocess


def self_signed(folder, *, name, kind="DNS"):
    """A server's context that proves to be `name` (`kind`: DNS or IP), and the file to believe it by."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
         "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName={kind}:{name}"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate
