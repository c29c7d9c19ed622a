"""Whose certificates are trusted: the system's authorities, and those that a company's network adds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from garden.core.errors import HubUnreachableError

if TYPE_CHECKING:
    import ssl

#: What OpenSSL itself reads, in the place of the system's authorities.
_OWN = ("SSL_CERT_FILE", "SSL_CERT_DIR")

#: Where other tools look, the first that is set; here beside the others.
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def trusted_authorities() -> ssl.SSLContext:
    """A context for connections to any Hub.

    Raises:
        HubUnreachableError: What the environment names holds no certificate.
    """
    import httpx2

    named = next((name for name in _OWN if os.environ.get(name)), "")
    try:
        context = httpx2.create_ssl_context()
        for name in _BUNDLES:
            if place := os.environ.get(name):
                named = name
                context.load_verify_locations(**({"capath": place} if Path(place).is_dir() else {"cafile": place}))
                break
    except OSError as error:
        # So are the errors of TLS.
        where = f"{named} ({os.environ.get(named, '')})" if named else "this system"
        raise HubUnreachableError(
            f"The certificates of {where} cannot be read.",
            "Name a PEM file with the certificates of the authorities, or unset it; then start Garden again.",
            repr(error),
        ) from error
    return context
