"""Published test numbers, and made-up keys in the right form. None of them opens anything.

Keys are put together here so that no scanner of repositories takes them for real ones.
"""

from __future__ import annotations

from typing import Any

import msgpack


def packed(value: Any) -> bytes:
    return bytes(msgpack.packb(value, datetime=True))


_LONG = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI6kL9nO2qR5tU8wX1zA4cD7fG0iJ3m"
_HEX = "0123456789abcdef" * 6

API_KEYS = [
    "AKIA" + "IOSFODNN7EXAMPLE",
    "ASIA" + "IOSFODNN7EXAMPLE",
    "ghp_" + _LONG[:36],
    "gho_" + _LONG[:36],
    "github_pat_" + _LONG[:22] + "_" + _LONG[:59],
    "glpat-" + _LONG[:20],
    "xoxb-" + "123456789012-123456789012-" + _LONG[:24],
    "sk_live_" + _LONG[:24],
    "rk_live_" + _LONG[:24],
    "sk-" + _LONG[:48],
    "sk-proj-" + _LONG[:60],
    "sk-ant-" + "api03-" + _LONG + _LONG[:29] + "AA",
    "AIza" + _LONG[:35],
    "SG." + _LONG[:22] + "." + _LONG[:43],
    "SK" + _HEX[:32],
    "npm_" + _LONG[:36],
    "pypi-" + "AgEIcHlwaS5vcmc" + _LONG,
    "hf_" + _LONG[:34],
    "dop_v1_" + _HEX[:64],
    "hvs." + _LONG[:24],
    "xapp-" + "1-A012345-" + _LONG[:20],
    "dapi" + _HEX[:32],
]

JWT = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
    ".eyJzdWIiOiIxMjM0NTY3ODkwIn0"
    ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
)
UNSIGNED_JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."

PRIVATE_KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nAbCd=\n-----END RSA PRIVATE KEY-----"

FOUND = {
    "us_ssn": ["123-45-6789", "078-05-1120", "899 12 3456"],
    "payment_card": [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4012-8888-8888-1881",
        "4222222222222",
        "5555555555554444",
        "5105 1051 0510 5100",
        "2223003122003222",
        "378282246310005",
        "3714-496353-98431",
        "6011111111111117",
        "30569309025904",
        "3566002020360505",
        "6759649826438453",
        "6205500000000000004",
    ],
    "email": [
        "ada@example.com",
        "a.b+c%d@mail.example.co.uk",
        "x_y@sub-domain.example.museum",
        "jörg@bücher.example",
    ],
    "phone": [
        "+1 415 555 2671",
        "+14155552671",
        "+44 20 7946 0958",
        "+49 (30) 901820",
        "(415) 555-2671",
        "(415)555-2671",
        "415-555-2671",
        "415.555.2671",
        "1-415-555-2671",
        "1 415 555 2671",
    ],
    "iban": [
        "DE89370400440532013000",
        "DE89 3704 0044 0532 0130 00",
        "GB29 NWBK 6016 1331 9268 19",
        "FR14 2004 1010 0505 0001 3M02 606",
        "NO93 8601 1117 947",
        "MT84MALT011000012345MTLCAST001S",
    ],
    "api_key": API_KEYS,
    "jwt": [JWT, UNSIGNED_JWT],
    "private_key": [
        PRIVATE_KEY,
        PRIVATE_KEY.replace("\n", "\\n"),
        PRIVATE_KEY.replace("RSA PRIVATE", "OPENSSH PRIVATE"),
    ],
    "url_password": ["hunter2"],
    "high_entropy": [
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzQ8sT1vW4y",
        "9f86d081884c7d659a2feaa0c55ad015",
        "q83vEjRWeJrtM2kX9pLz7BnQ4s",
    ],
}

LEFT_ALONE = {
    "us_ssn": [
        "000-12-3456",
        "666-12-3456",
        "900-12-3456",
        "123-00-4567",
        "123-45-0000",
        "123456789",
        "2024-05-1120",
        "1234-56-7890",
        "123-45 6789",
        "123-45-67890",
        "A123-45-6789",
    ],
    "payment_card": [
        "4111111111111112",
        "1234567812345670",
        "1700000000000000",
        "4111 11 11 1111 1111 1",
        "0.4111111111111111",
        "41111111111111111111111",
        "id4111111111111111",
        "00000000000000",
    ],
    "email": [
        "lodash@4.17.21",
        "icon@2x.png",
        "git@github.com:owner/repo.git",
        "@decorator.name",
        "a@localhost",
        "https://bob@example.com/x",
        "java.lang.Object@1b2c3d",
        "a @ b.c",
    ],
    "phone": [
        "4155552671",
        "1700000000",
        "2024-01-02T10:00:00.123-0700",
        "1.2.3",
        "192.168.100.2000",
        "+00:00",
        "+1234567890",
        "911-555-2671",
        "115-555-2671",
        "123e4567-e89b-12d3-a456-426614174000",
        "+35236450.6",
        "640 480 1024",
        "12415-555-2671",
    ],
    "iban": [
        "DE89370400440532013001",
        "DE8937040044053201300",
        "XX89370400440532013000",
        "de89370400440532013000",
        "ADE89370400440532013000",
    ],
    "api_key": [
        "AKIA",
        "AKIAIOSFODNN7EXAMPLES3",
        "sk-learn-is-a-well-known-package-of-python",
        "ghp_short",
        "xAKIAIOSFODNN7EXAMPLE",
        "hf_" + "a" * 20,
        "risk_live_" + _LONG[:24],
    ],
    "jwt": ["eyJhbGciOiJIUzI1NiJ9", "eyJub3QiOiJvbmUifQ_long_enough.abc.def", "e.y.J"],
    "private_key": [
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----",
    ],
    "url_password": [
        "https://example.com:8080/a@b",
        "https://bob@example.com",
        "postgresql://user:password@host/db",
        "postgresql://user:***@host/db",
        "postgresql://user:${PASSWORD}@host/db",
    ],
    "high_entropy": [
        "123e4567-e89b-12d3-a456-426614174000",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "sha256=zuuue4knoyJ-UwPPXg8fezS7VCrXJQrAP7zeNuwvFQg",
        "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
        "src/components/UserProfile2/getIndexOfThing",
        "internationalization_of_everything",
        "getUserByIdentifierAndNameV2",
        "2024-01-02T10-00-00-123456789Z",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "00000000000000000000000000000001",
        "hash:9f86d081884c7d659a2feaa0c55ad015",
    ],
}
