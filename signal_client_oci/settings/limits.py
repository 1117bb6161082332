"""How much a field of the form can hold: what is longer is refused before anything else looks at it.

Each limit stands here alone. The form tells it (`maxLength`, `maxItems`), and the readers of the values go by it.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "MAX_ENDPOINT_TEMPLATE",
    "MAX_FINGERPRINT",
    "MAX_LOGGING_QUERY",
    "MAX_OCID",
    "MAX_PASSPHRASE",
    "MAX_PRIVATE_KEY",
    "MAX_REGION",
    "MAX_REGIONS",
    "MAX_WORD",
]

MAX_OCID: Final = 255  # real ones have about 80
MAX_FINGERPRINT: Final = 200  # 47 as the console lists it; longer digests are to be told by their kind
MAX_PRIVATE_KEY: Final = 20_000  # RSA with 4096 bits has 3,300, six times as many as escapes of JSON
MAX_PASSPHRASE: Final = 1024  # OpenSSL asks for no longer one
MAX_REGION: Final = 60  # a line of a pasted key has 64, and its short last one looks like a name
MAX_REGIONS: Final = 200
MAX_LOGGING_QUERY: Final = 4000
MAX_ENDPOINT_TEMPLATE: Final = 500
MAX_WORD: Final = 100  # a number, a switch or a choice that comes as text
