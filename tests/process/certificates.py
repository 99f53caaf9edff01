"""An authority, what it has certified, and the contexts of those who trust it."""

import ssl
from pathlib import Path

import trustme
from places import SERVER_NAME


class Certificates:
    """`files` are PEM files in `directory`: "ca", the authority; "cert" and "key", the gateway's."""

    def __init__(self, directory: Path) -> None:
        self.authority = trustme.CA()
        paths = {name: directory / f"{name}.pem" for name in ("ca", "cert", "key")}
        self.files = {name: str(path) for name, path in paths.items()}
        certificate = self.authority.issue_cert(SERVER_NAME, "127.0.0.1")
        self.authority.cert_pem.write_to_path(self.files["ca"])
        for blob in certificate.cert_chain_pems:
            blob.write_to_path(self.files["cert"], append=True)
        certificate.private_key_pem.write_to_path(self.files["key"])

    @property
    def server(self) -> dict[str, str]:
        """The `server` options that make a gateway speak TLS."""
        return {"tls_cert": self.files["cert"], "tls_key": self.files["key"]}

    def trusting(self, certificate: trustme.LeafCert | None = None) -> ssl.SSLContext:
        """A client's context that trusts the authority, and shows `certificate`."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        if certificate is not None:
            certificate.configure_cert(context)
        return context

    def serving(self, name: str) -> ssl.SSLContext:
        """The context of a server that is certified to be `name`."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.authority.issue_cert(name).configure_cert(context)
        return context
