"""The private key: every mangled paste that can be repaired is, everything else is told apart in words."""

import base64
import copy
import dataclasses
import datetime as dt
import hashlib
import json
import pickle
import re
import traceback
from functools import partial

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption
from cryptography.hazmat.primitives.serialization import PrivateFormat as Private
from cryptography.hazmat.primitives.serialization import PublicFormat as Public
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each

from signal_client_oci.errors.key_errors import KEY_ERRORS
from signal_client_oci.sandbox.data.keys import shared_private_key_pem
from signal_client_oci.settings.api_key import PrivateKeyError, _digest, _load, fingerprint_of, load_api_key
from signal_client_oci.settings.pem import FoundKey, find_private_key

_KEY, _OTHER = (
    serialization.load_pem_private_key(
        shared_private_key_pem(number).encode(), None, unsafe_skip_rsa_key_validation=True
    )
    for number in (0, 1)
)
_FINGERPRINT = fingerprint_of(_KEY)
_PASSPHRASE = "canary passphrase \u00e9\u4e2d"


def _pem(key=_KEY, form=Private.PKCS8, passphrase=None):
    lock = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, form, lock).decode()


_PKCS8 = _pem()
_PKCS1 = _pem(form=Private.TraditionalOpenSSL)
_DER = _KEY.private_bytes(Encoding.DER, Private.PKCS8, NoEncryption())
_ENCRYPTED = _pem(passphrase=_PASSPHRASE)
_LEGACY = _pem(form=Private.TraditionalOpenSSL, passphrase=_PASSPHRASE)
_PUBLIC = _KEY.public_key().public_bytes(Encoding.PEM, Public.SubjectPublicKeyInfo).decode()
_SECRETS = frozenset(re.findall(r"[A-Za-z0-9+/]{16}", "".join((_PKCS8 + _PKCS1).split()))) | {_PASSPHRASE}


def _body(pem):
    return "".join(line for line in pem.splitlines() if "-----" not in line)


def _sole_line(pem):
    head, *lines, foot = pem.splitlines()
    return f"{head}\n{''.join(lines)}\n{foot}"


_PASTES = {
    "as it is": lambda pem: pem,
    "CRLF": lambda pem: pem.replace("\n", "\r\n"),
    "CR only": lambda pem: pem.replace("\n", "\r"),
    "CRLF twice": lambda pem: pem.replace("\n", "\r\r\n"),
    "blank lines between": lambda pem: pem.replace("\n", "\n\n"),
    "body on one line": _sole_line,
    "spaces for newlines": lambda pem: pem.replace("\n", " "),
    "no newlines": lambda pem: pem.replace("\n", ""),
    "no white space at all": lambda pem: "".join(pem.split()),
    "literal \\n": lambda pem: pem.replace("\n", "\\n"),
    "literal \\r\\n": lambda pem: pem.replace("\n", "\\r\\n"),
    "literal \\\\n": lambda pem: pem.replace("\n", "\\\\n"),
    "literal \\n before newlines": lambda pem: pem.replace("\n", "\\n\n"),
    "backslashes at line ends": lambda pem: pem.replace("\n", "\\\n"),
    "indented": lambda pem: "".join(f"    {line}\n" for line in pem.splitlines()),
    "tabs": lambda pem: "".join(f"\t{line}\t\n" for line in pem.splitlines()),
    "blanks around": lambda pem: f"\n\n  {pem}  \n ",
    "spaces in the body": lambda pem: re.sub("(?m)^([A-Za-z0-9+/=]{9})", r"\1 ", pem),
    "byte order mark": lambda pem: "\ufeff" + pem,
    "no-break spaces": lambda pem: pem.replace("\n", "\u00a0\n").replace(" ", "\u00a0"),
    "zero-width characters": lambda pem: pem.replace("\n", "\u200b\n\u2060"),
    "NUL characters": lambda pem: "".join(f"{char}\0" for char in pem),
    "double quotes": lambda pem: f'"{pem}"',
    "single quotes": lambda pem: f"'{pem}'",
    "curly quotes": lambda pem: f"\u201c{pem}\u201d",
    "JSON string": json.dumps,
    "JSON string in JSON": lambda pem: json.dumps(json.dumps(pem)),
    "JSON field": lambda pem: json.dumps({"key_content": pem, "region": "us-ashburn-1"}),
    "JSON of every character": lambda pem: "".join(f"\\u{ord(char):04x}" for char in pem),
    "JSON list of lines": lambda pem: json.dumps(pem.splitlines(), indent=1),
    "YAML block": lambda pem: "key: |\n" + "".join(f"  {line}\n" for line in pem.splitlines()),
    "quoted mail": lambda pem: "".join(f"> {line}\n" for line in pem.splitlines()),
    "smart dashes": lambda pem: pem.replace("--", "\u2014"),
    "en dashes": lambda pem: pem.replace("-", "\u2013"),
    "4 dashes": lambda pem: pem.replace("-----", "----"),
    "6 dashes": lambda pem: pem.replace("-----", "------"),
    "no dashes": lambda pem: pem.replace("-----", ""),
    "label line after": lambda pem: pem + "OCI_API_KEY",
    "label on END's line": lambda pem: pem.strip() + "OCI_API_KEY",
    "label on END's line after a space": lambda pem: pem.strip() + " OCI_API_KEY",
    "label before END": lambda pem: pem.replace("-----END", "OCI_API_KEY\n-----END"),
    "label before END's line": lambda pem: pem.replace("\n-----END", "OCI_API_KEY\n-----END"),
    "label first": lambda pem: "OCI_API_KEY\n" + pem,
    "label and no newlines": lambda pem: (pem + "OCI_API_KEY").replace("\n", " "),
    "text before": lambda pem: "Here is the private key you asked for:\n" + pem,
    "text after": lambda pem: pem + "\nRegards, the cloud team",
    "two keys": lambda pem: pem + _pem(_OTHER),
    "private and public": lambda pem: pem + _PUBLIC,
    "public and private": lambda pem: _PUBLIC + pem,
    "bag attributes": lambda pem: (
        "Bag Attributes\n    localKeyID: 54 69 6D 65\nKey Attributes: <none>\n" + pem
    ),
    "mention of the marks before": lambda pem: "from BEGIN PRIVATE KEY to END PRIVATE KEY: " + pem,
    "no header": lambda pem: pem.split("\n", 1)[1],
    "no footer": lambda pem: pem[: pem.index("-----END")],
    "cut footer": lambda pem: pem[: pem.index("-----END") + 14],
    "neither header nor footer": _body,
    "neither, in lines": lambda pem: "\n".join(pem.splitlines()[1:-1]),
    "base64 of it": lambda pem: base64.b64encode(pem.encode()).decode(),
    "base64 of it in lines": lambda pem: base64.encodebytes(pem.encode()).decode(),
    "base64 of it with CRLF inside": lambda pem: base64.b64encode(
        pem.replace("\n", "\r\n").encode()
    ).decode(),
    "lower-case marks": lambda pem: re.sub(r"-----.*?-----", lambda match: match[0].lower(), pem),
}
_RELABELLED = {
    "PKCS#8 under RSA": _PKCS8.replace("PRIVATE KEY", "RSA PRIVATE KEY"),
    "PKCS#1 under PRIVATE KEY": _PKCS1.replace("RSA PRIVATE KEY", "PRIVATE KEY"),
    "PKCS#8 under ENCRYPTED": _PKCS8.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"),
    "header and footer differ": _PKCS8.replace("BEGIN PRIVATE", "BEGIN RSA PRIVATE"),
}


def _opened(pem, passphrase=""):
    return load_api_key(pem, passphrase, _FINGERPRINT).private_key.private_numbers()


def _refusal(pem, passphrase="", fingerprint=_FINGERPRINT):
    with pytest.raises(PrivateKeyError) as caught:
        load_api_key(pem, passphrase, fingerprint)
    return caught.value


_FORMS = {
    "PKCS8": (_PKCS8, _DER),
    "PKCS1": (_PKCS1, _KEY.private_bytes(Encoding.DER, Private.TraditionalOpenSSL, NoEncryption())),
    "encrypted": (_ENCRYPTED, base64.b64decode(_body(_ENCRYPTED))),
    "legacy": (_LEGACY, _LEGACY.encode()),
}
# The cipher of a legacy key and its initial vector are lost with the header.
_LOST = {("legacy", "no header"), ("legacy", "neither header nor footer"), ("legacy", "neither, in lines")}


@pytest.mark.slow
def test_mangled_pastes_are_repaired():
    """Whatever a paste does to the wrapping, the key inside comes out byte for byte."""
    pastes = [(form, paste) for form in _FORMS for paste in _PASTES if (form, paste) not in _LOST]
    check_each(_repair, ((f"{form}, {paste}", (form, paste)) for form, paste in pastes))


def _repair(case):
    form, paste = case
    pem, encoded = _FORMS[form]
    assert find_private_key(_PASTES[paste](pem)).encoded == encoded


@pytest.mark.parametrize("form", _FORMS)
@pytest.mark.slow
def test_repaired_keys_open(form):
    """What comes out of the repair is what the library of keys takes, encrypted or not."""
    assert _opened(_FORMS[form][0].replace("\n", " "), _PASSPHRASE) == _KEY.private_numbers()


@pytest.mark.parametrize("case", _RELABELLED)
def test_labels_that_do_not_fit_are_repaired(case):
    """The body decides what the key is, not the label."""
    assert _opened(_RELABELLED[case]) == _KEY.private_numbers()


@pytest.mark.slow
@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(["", " ", "\n", "\r\n", "\\n", "\\r\\n", "\t", '"', "'", "\u00a0", "\u200b"]),
        min_size=40,
        max_size=40,
    ),
    st.sampled_from([40, 64, 76, 1000]),
    st.sampled_from(["", " ", "\n", '"', "\ufeff", "OCI_API_KEY\n", "key = "]),
    st.sampled_from(["", " ", "\n", '"', "',", "OCI_API_KEY", "\nOCI_API_KEY\n"]),
)
def test_any_mangling_of_lines_is_repaired(glue, width, before, after):
    """A key is found however its body is split into lines, and whatever is between them and around the key."""
    body = _body(_PKCS8)
    lines = ["-----BEGIN PRIVATE KEY-----", *re.findall(f".{{1,{width}}}", body), "-----END PRIVATE KEY-----"]
    pasted = "".join(line + glue[index % len(glue)] for index, line in enumerate(lines))
    assert find_private_key(before + pasted + after).encoded == _DER


@pytest.mark.slow
def test_a_key_found_sound_is_opened_at_once(monkeypatch):
    """OpenSSL's long look at a key's numbers is taken once for each key and passphrase, never skipped for others."""
    skipped = []
    load = serialization.load_der_private_key

    def watched(encoded, passphrase, *, unsafe_skip_rsa_key_validation):
        skipped.append(unsafe_skip_rsa_key_validation)
        return load(encoded, passphrase, unsafe_skip_rsa_key_validation=unsafe_skip_rsa_key_validation)

    monkeypatch.setattr(serialization, "load_der_private_key", watched)
    monkeypatch.setattr("signal_client_oci.settings.api_key._valid", set())
    damaged = find_private_key(_pem(_OTHER)).encoded[:-40] + bytes(40)
    for _ in range(2):
        assert _opened(_PKCS8) == _KEY.private_numbers()
        assert _opened(_ENCRYPTED, _PASSPHRASE) == _KEY.private_numbers()
        with pytest.raises(ValueError, match=r"(?i)key"):
            _load(FoundKey(damaged), None)
    # plain, locked without and with its passphrase, damaged; then the same again
    assert skipped == [False, False, False, False, True, False, True, False]


@pytest.mark.slow
def test_what_is_remembered_of_sound_keys_is_bounded_and_no_key(monkeypatch):
    """However many keys are opened, a bounded number of keyed digests is kept, and nothing of the keys."""
    monkeypatch.setattr("signal_client_oci.settings.api_key._valid", remembered := set())
    monkeypatch.setattr("signal_client_oci.settings.api_key._MAX_VALID", 2)
    for pem in (_PKCS8, _PKCS1, _pem(_OTHER), _PKCS8):
        _load(find_private_key(pem), None)
        assert 1 <= len(remembered) <= 2
        assert all(len(mark) == 64 and mark not in _DER for mark in remembered)


@pytest.mark.parametrize("passphrase", ["", "needless"])
def test_a_needless_passphrase_is_ignored(passphrase):
    """A key without encryption opens whatever the passphrase field holds."""
    assert _opened(_PKCS8, passphrase) == _KEY.private_numbers()


@pytest.mark.parametrize("passphrase", [f" {_PASSPHRASE}", f"{_PASSPHRASE}\n"])
def test_white_space_around_a_passphrase(passphrase):
    """Space that the paste of a passphrase brought along does not keep the key closed."""
    assert _opened(_ENCRYPTED, passphrase) == _KEY.private_numbers()


@pytest.mark.slow
def test_a_passphrase_may_end_with_a_space():
    """Space that belongs to the passphrase is not taken away."""
    assert _opened(_pem(passphrase="ends with space "), "ends with space ") == _KEY.private_numbers()


@pytest.mark.parametrize(
    "spelling", [str.upper, lambda text: text.replace(":", ""), lambda text: f" {text}\n"]
)
def test_spelling_of_the_fingerprint_makes_no_difference(spelling):
    """The comparison goes by the digits."""
    assert load_api_key(_PKCS8, "", spelling(_FINGERPRINT)).fingerprint == _FINGERPRINT


def _certificate():
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "api")])
    start = dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc)
    builder = x509.CertificateBuilder(name, name, _KEY.public_key(), 7, start, start + dt.timedelta(days=9))
    return builder.sign(_KEY, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def _small():
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    return _pem(small)


def _changed(pem, at):
    old = pem[at]
    return pem[:at] + ("B" if old != "B" else "C") + pem[at + 1 :]


def _value(tag, content):
    size = len(content)
    width = (size.bit_length() + 7) // 8
    return (
        bytes([tag])
        + (bytes([size]) if size < 128 else bytes([128 | width]) + size.to_bytes(width, "big"))
        + content
    )


def _integer(number):
    return _value(2, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def _sequence(*values):
    return _value(0x30, b"".join(values))


def _object(dotted):
    first, second, *rest = map(int, dotted.split("."))
    content = bytes([40 * first + second])
    for part in rest:
        digits = [part & 127]
        while part := part >> 7:
            digits.insert(0, 128 | part & 127)
        content += bytes(digits)
    return _value(6, content)


def _armoured(label, der):
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN {label}-----\n{body}-----END {label}-----\n"


def _pkcs1(**changed):
    """The DER of our key with some of its numbers changed."""
    private = _KEY.private_numbers()
    numbers = {
        "version": 0,
        "n": private.public_numbers.n,
        "e": private.public_numbers.e,
        **{name: getattr(private, name) for name in ("d", "p", "q", "dmp1", "dmq1", "iqmp")},
    }
    return _sequence(*map(_integer, (numbers | changed).values()))


_AES = _sequence(_object("2.16.840.1.101.3.4.1.42"), _value(4, bytes(16)))
_PRF = _sequence(_object("1.2.840.113549.2.9"), _value(5, b""))


def _pbes2(kdf, ciphertext=bytes(1232)):
    return _sequence(_sequence(_object("1.2.840.113549.1.5.13"), _sequence(kdf, _AES)), _value(4, ciphertext))


def _pbkdf2(rounds, *more, ciphertext=bytes(1232)):
    parameters = _sequence(_value(4, b"saltsalt"), _integer(rounds), *more, _PRF)
    return _pbes2(_sequence(_object("1.2.840.113549.1.5.12"), parameters), ciphertext)


def _scrypt(*numbers, ciphertext=bytes(1232)):
    parameters = _sequence(_value(4, b"saltsalt"), *map(_integer, numbers))
    return _pbes2(_sequence(_object("1.3.6.1.4.1.11591.4.11"), parameters), ciphertext)


def _pkcs12_pbe(rounds):
    scheme = _sequence(
        _object("1.2.840.113549.1.12.1.3"), _sequence(_value(4, b"saltsalt"), _integer(rounds))
    )
    return _sequence(scheme, _value(4, bytes(1232)))


def _locked(der):
    return _armoured("ENCRYPTED PRIVATE KEY", der)


_SSH_PUBLIC = _KEY.public_key().public_bytes(Encoding.OpenSSH, Public.OpenSSH).decode()
_OPENSSH = _KEY.private_bytes(Encoding.PEM, Private.OpenSSH, NoEncryption()).decode()
_CONFIG = (
    f"[DEFAULT]\nuser=ocid1.user.oc1..aaaa\nfingerprint={_FINGERPRINT}\n"
    "tenancy=ocid1.tenancy.oc1..aaaa\nregion=us-ashburn-1\nkey_file=<path to your private keyfile> # TODO\n"
)
_WRONG = {
    "nothing": ("", "PRIVATE_KEY_MISSING"),
    "blanks": (" \n\u200b\ufeff", "PRIVATE_KEY_MISSING"),
    "quotes": ('""', "PRIVATE_KEY_MISSING"),
    "prose": ("the key is in the safe", "PRIVATE_KEY_NOT_PEM"),
    "OCID": ("ocid1.tenancy.oc1..aaaaaaaat", "PRIVATE_KEY_NOT_PEM"),
    "huge": ("A" * 300_000, "PRIVATE_KEY_NOT_PEM"),
    "PGP": (
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOYBGP\n-----END PGP PRIVATE KEY BLOCK-----",
        "PRIVATE_KEY_NOT_PEM",
    ),
    "path": ("/home/opc/.oci/oci_api_key.pem", "PRIVATE_KEY_IS_PATH"),
    "home path": ("~/.oci/oci_api_key.pem", "PRIVATE_KEY_IS_PATH"),
    "Windows path": ("C:\\Users\\New User\\oci_api_key.pem", "PRIVATE_KEY_IS_PATH"),
    "file name": ("oci_api_key.pem", "PRIVATE_KEY_IS_PATH"),
    "file URL": ("file:///etc/oci/key.pem", "PRIVATE_KEY_IS_PATH"),
    "configuration preview": (_CONFIG, "PRIVATE_KEY_IS_CONFIG"),
    "public key": (_PUBLIC, "PRIVATE_KEY_IS_PUBLIC"),
    "public key, no newlines": (_PUBLIC.replace("\n", " "), "PRIVATE_KEY_IS_PUBLIC"),
    "public key, no header": (_body(_PUBLIC), "PRIVATE_KEY_IS_PUBLIC"),
    "PKCS#1 public key": (
        _KEY.public_key().public_bytes(Encoding.PEM, Public.PKCS1).decode(),
        "PRIVATE_KEY_IS_PUBLIC",
    ),
    "SSH public key": (_SSH_PUBLIC + " opc@host", "PRIVATE_KEY_IS_PUBLIC"),
    "certificate": (_certificate(), "PRIVATE_KEY_IS_CERTIFICATE"),
    "certificate, no header": (_body(_certificate()), "PRIVATE_KEY_IS_CERTIFICATE"),
    "OpenSSH": (_OPENSSH, "PRIVATE_KEY_IS_OPENSSH"),
    "OpenSSH, no header": (_body(_OPENSSH), "PRIVATE_KEY_IS_OPENSSH"),
    "OpenSSH under PRIVATE KEY": (_OPENSSH.replace("OPENSSH ", ""), "PRIVATE_KEY_IS_OPENSSH"),
    "PuTTY": ("PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nComment: x\n", "PRIVATE_KEY_IS_PUTTY"),
    "EC": (_pem(ec.generate_private_key(ec.SECP256R1())), "PRIVATE_KEY_NOT_RSA"),
    "EC, traditional": (
        _pem(ec.generate_private_key(ec.SECP256R1()), Private.TraditionalOpenSSL),
        "PRIVATE_KEY_NOT_RSA",
    ),
    "Ed25519": (_pem(ed25519.Ed25519PrivateKey.generate()), "PRIVATE_KEY_NOT_RSA"),
    "RSA 1024": (_small(), "PRIVATE_KEY_TOO_SHORT"),
    "header only": ("-----BEGIN RSA PRIVATE KEY-----", "PRIVATE_KEY_INCOMPLETE"),
    "half": (_PKCS8[: len(_PKCS8) // 2], "PRIVATE_KEY_INCOMPLETE"),
    "last line lost": ("\n".join(_PKCS8.splitlines()[:-2]), "PRIVATE_KEY_INCOMPLETE"),
    "a line in the middle lost": (
        "\n".join(_PKCS8.splitlines()[:9] + _PKCS8.splitlines()[10:]),
        "PRIVATE_KEY_INCOMPLETE",
    ),
    "first line lost": ("\n".join([_PKCS8.splitlines()[0], *_PKCS8.splitlines()[2:]]), "PRIVATE_KEY_DAMAGED"),
    "a character changed": (_changed(_PKCS8, 700), "PRIVATE_KEY_DAMAGED"),
    "lower case": (_PKCS8.lower(), "PRIVATE_KEY_DAMAGED"),
    "encrypted, half": (_ENCRYPTED[: len(_ENCRYPTED) // 2], "PRIVATE_KEY_INCOMPLETE"),
    "encrypted": (_ENCRYPTED, "PASSPHRASE_MISSING"),
    "encrypted legacy": (_LEGACY, "PASSPHRASE_MISSING"),
    "legacy of a forgotten cipher": (
        _LEGACY.replace("AES-256-CBC", "DES-CBC"),
        "PRIVATE_KEY_CIPHER_UNKNOWN",
    ),
    "legacy cut in its header": (_LEGACY[: _LEGACY.index("DEK-Info") + 30], "PRIVATE_KEY_INCOMPLETE"),
    "larger than any key": (
        _armoured("RSA PRIVATE KEY", _pkcs1(n=3 << 8191)),
        "PRIVATE_KEY_TOO_LARGE",
    ),
    "PBKDF2 without end": (_locked(_pbkdf2(2**31 - 1)), "PRIVATE_KEY_KDF_TOO_SLOW"),
    "legacy without its vector": (re.sub(r"DEK-Info.*\n", "", _LEGACY), "PRIVATE_KEY_INCOMPLETE"),
}


@pytest.mark.parametrize("case", _WRONG)
def test_what_cannot_be_repaired_has_its_own_code(case):
    """Everything that people paste instead of the key has its own code, message and remedy."""
    pasted, code = _WRONG[case]
    error = _refusal(pasted)
    entry = KEY_ERRORS[code]
    assert (error.code, error.field) == (code, entry.field)
    assert error.message.endswith(".")
    assert error.remedy.endswith(".")


def test_every_code_is_reached():
    """No code of the table is without a case here."""
    elsewhere = {"PASSPHRASE_WRONG", "FINGERPRINT_MALFORMED", "KEY_FINGERPRINT_MISMATCH"}
    assert {code for _, code in _WRONG.values()} | elsewhere == set(KEY_ERRORS)


@pytest.mark.slow
def test_legacy_ec_and_dsa_keys():
    """Legacy encrypted EC and DSA keys are reported as such without their passphrase."""
    for key in (ec.generate_private_key(ec.SECP256R1()), dsa.generate_private_key(key_size=1024)):
        error = _refusal(_pem(key, Private.TraditionalOpenSSL, "x"))
        assert error.code == "PRIVATE_KEY_NOT_RSA"


@pytest.mark.parametrize("pem", [_ENCRYPTED, _LEGACY], ids=["PKCS8", "legacy"])
@pytest.mark.parametrize("passphrase", ["wrong", "\u00e9", "\ud800", "x" * 5000, "\0"])
def test_wrong_passphrase(pem, passphrase):
    """A wrong passphrase is reported as wrong, whatever characters it has."""
    error = _refusal(pem, passphrase)
    assert (error.code, error.field) == ("PASSPHRASE_WRONG", "private_key_passphrase")


@pytest.mark.slow
def test_key_of_another_fingerprint():
    """A key and a fingerprint that do not belong together are both shown, and neither is sent."""
    error = _refusal(_pem(_OTHER))
    assert (error.code, error.field) == ("KEY_FINGERPRINT_MISMATCH", "fingerprint")
    assert _FINGERPRINT in error.message
    assert fingerprint_of(_OTHER) in error.message


def test_malformed_fingerprint_next_to_a_good_key():
    """The key's own fingerprint helps the operator along."""
    error = _refusal(_PKCS8, fingerprint="SHA256:abc")
    assert error.code == "FINGERPRINT_MALFORMED"
    assert "SHA-256" in error.message
    assert _FINGERPRINT in error.remedy


def test_fingerprint_is_the_md5_of_the_public_key():
    """The fingerprint is the one that OCI computes: what `openssl md5 -c` gives for a fixed modulus."""
    numbers = rsa.RSAPublicNumbers(65537, 2**2047 + 1155)
    key = type("Fixed", (), {"public_key": lambda _self: numbers.public_key()})()
    assert fingerprint_of(key) == "da:0d:e7:8d:1b:95:49:a3:21:12:9d:5c:d1:72:89:d3"


def _everything_shown(error):
    shown = [str(error), repr(error), repr(error.args), repr(vars(error))]
    cause = error
    while cause is not None:
        shown += [
            "".join(traceback.format_exception(type(cause), cause, cause.__traceback__)),
            repr(vars(cause)),
        ]
        cause = cause.__cause__ or cause.__context__
    return "\n".join(shown)


@pytest.mark.parametrize("case", _WRONG)
def test_no_error_shows_the_key_or_the_passphrase(case):
    """Neither an error nor what hangs on it as its context holds a part of the key or the passphrase."""
    for passphrase in ("", _PASSPHRASE + "-not"):
        shown = _everything_shown(_refusal(_WRONG[case][0], passphrase))
        assert not [secret for secret in _SECRETS if secret in shown]


def test_reprs_show_the_fingerprint_only():
    """A repr of the opened key shows its fingerprint and nothing else."""
    key = load_api_key(_PKCS8, "", _FINGERPRINT)
    assert repr(key) == f"ApiKey(fingerprint='{_FINGERPRINT}')"


@settings(max_examples=60, deadline=None)
@given(st.data())
@pytest.mark.slow
def test_damage_is_never_taken_for_a_key(data):
    """A key with characters cut out, changed or added is refused with a known code, or still the same key."""
    at = data.draw(st.integers(0, len(_PKCS8)))
    size = data.draw(st.integers(0, 80))
    added = data.draw(st.text(alphabet='AZaz09+/=- \n\\"é', max_size=8))
    try:
        key = load_api_key(_PKCS8[:at] + added + _PKCS8[at + size :], "", _FINGERPRINT)
    except PrivateKeyError as error:
        outcome = error.code
    else:
        outcome = key.private_key.private_numbers() == _KEY.private_numbers()
    assert outcome is True or outcome in KEY_ERRORS


@settings(deadline=None)
@given(st.text(max_size=300), st.text(max_size=20), st.text(max_size=50))
@pytest.mark.slow
def test_any_text_gives_the_one_error(pem, passphrase, fingerprint):
    """Whatever the three fields hold, the outcome is a `PrivateKeyError` with a known code."""
    assert _refusal(pem, passphrase, fingerprint).code in KEY_ERRORS


_COSTLY = {
    "PBKDF2": _pbkdf2(600_001),
    "PBKDF2, as many as fit": _pbkdf2(2**8000),
    "PBKDF2, below nought": _pbkdf2(-1),
    "PBKDF2, a long key": _pbkdf2(1000, _integer(2**31 - 1)),
    "scrypt, N": _scrypt(2**31, 8, 1),
    "scrypt, r": _scrypt(16384, 2**20, 1),
    "scrypt, p": _scrypt(16384, 8, 2**20),
    "scrypt, a long key": _scrypt(16384, 8, 1, 2**31),
    "PKCS#12": _pkcs12_pbe(2**31 - 1),
}


def _never_opened(monkeypatch):
    """Make every way into OpenSSL a failure."""

    def opened(*_, **__):
        pytest.fail("the key was handed to OpenSSL")

    for place in ("settings.api_key.serialization", "settings.api_key"):
        for name in ("load_der_private_key", "load_pem_private_key"):
            monkeypatch.setattr(f"signal_client_oci.{place}.{name}", opened)


@pytest.mark.parametrize("case", _COSTLY)
def test_an_encryption_that_takes_too_long_is_never_begun(case, monkeypatch):
    """A count of rounds that would keep OpenSSL busy for minutes is refused by what the DER says of it."""
    _never_opened(monkeypatch)
    error = _refusal(_locked(_COSTLY[case]), _PASSPHRASE)
    assert (error.code, error.field) == ("PRIVATE_KEY_KDF_TOO_SLOW", "private_key")
    assert "-iter 100000" in error.remedy


_MALFORMED = {
    "rounds that are no number": _pbes2(
        _sequence(_object("1.2.840.113549.1.5.12"), _sequence(_value(4, b"s"), _PRF))
    ),
    "no parameters": _pbes2(_sequence(_object("1.2.840.113549.1.5.12"))),
    "rounds in BER": _pbkdf2(1000).replace(_integer(1000), b"\x02\x80\x03\xe8\x00\x00"),
    "nothing": _sequence(),
    "an empty algorithm": _sequence(_sequence(), _value(4, b"x")),
    "a length of five bytes": b"\x30\x85\x00\x00\x00\x00\x02\x05\x00",
    "a number cut off": _sequence(_integer(0), b"\x02\x7f\x01"),
    "PKCS#12": _sequence(_integer(3), _sequence(_object("1.2.840.113549.1.7.1")), _sequence()),
}


@pytest.mark.parametrize("case", _MALFORMED)
def test_der_that_is_not_understood_is_never_opened(case, monkeypatch):
    """DER that is not understood is reported as damaged and never opened, whatever OpenSSL might accept."""
    _never_opened(monkeypatch)
    assert _refusal(_locked(_MALFORMED[case]), _PASSPHRASE).code in {
        "PRIVATE_KEY_DAMAGED",
        "PRIVATE_KEY_INCOMPLETE",
    }


def test_an_unknown_derivation_is_never_opened(monkeypatch):
    """A key derivation of unknown cost is reported as an unsupported cipher."""
    _never_opened(monkeypatch)
    unknown = _pbes2(_sequence(_object("1.2.3.4"), _sequence(_integer(1))))
    assert _refusal(_locked(unknown), _PASSPHRASE).code == "PRIVATE_KEY_CIPHER_UNKNOWN"


@pytest.mark.parametrize("name", ["n", "e", "d", "p", "q", "dmp1", "dmq1", "iqmp"])
@pytest.mark.parametrize("wrapped", [False, True], ids=["PKCS1", "PKCS8"])
def test_no_number_of_a_key_is_larger_than_any_key(name, wrapped, monkeypatch):
    """A prime of 20,000 bits would be tested for minutes; each number is measured before."""
    _never_opened(monkeypatch)
    der = _pkcs1(**{name: 3 << 20_000})
    if wrapped:
        algorithm = _sequence(_object("1.2.840.113549.1.1.1"), _value(5, b""))
        der = _sequence(_integer(0), algorithm, _value(4, der))
    assert _refusal(_armoured("PRIVATE KEY", der)).code == "PRIVATE_KEY_TOO_LARGE"


def test_what_is_locked_away_is_measured_too(monkeypatch):
    """Numbers that show only behind the passphrase are measured before they are looked at, and so is the whole."""
    monkeypatch.setattr("signal_client_oci.settings.key_shape.MAX_RSA_BITS", 2047)
    for pem in (_ENCRYPTED, _LEGACY):
        assert _refusal(pem, _PASSPHRASE).code == "PRIVATE_KEY_TOO_LARGE"
    _never_opened(monkeypatch)
    monkeypatch.setattr("signal_client_oci.settings.key_shape.MAX_ENCRYPTED_BYTES", 1000)
    monkeypatch.setattr("signal_client_oci.settings.pem.MAX_ENCRYPTED_BYTES", 1000)
    for pem in (_ENCRYPTED, _LEGACY):
        assert _refusal(pem, _PASSPHRASE).code == "PRIVATE_KEY_TOO_LARGE"


@pytest.mark.slow
def test_other_kinds_of_keys_are_never_opened(monkeypatch):
    """OpenSSL computes the public half of DSA and DH keys, with numbers of any size; they are recognized before."""
    pems = [
        _pem(ec.generate_private_key(ec.SECP256R1())),
        _pem(dsa.generate_private_key(key_size=1024)),
        _pem(dsa.generate_private_key(key_size=1024), Private.TraditionalOpenSSL).replace("DSA ", ""),
        _pem(ed25519.Ed25519PrivateKey.generate()),
    ]
    _never_opened(monkeypatch)
    assert {_refusal(pem).code for pem in pems} == {"PRIVATE_KEY_NOT_RSA"}


def test_an_encrypted_key_of_another_kind():
    """An encrypted key that is not an RSA key is reported as such once it is open."""
    assert (
        _refusal(_pem(ec.generate_private_key(ec.SECP256R1()), passphrase="x"), "x").code
        == "PRIVATE_KEY_NOT_RSA"
    )


def test_the_key_behind_an_unusable_one_is_found():
    """The first key that can be an API key is taken, whatever else was pasted with it."""
    others = _pem(ec.generate_private_key(ec.SECP256R1())) + _locked(_pbkdf2(2**31 - 1))
    assert _opened(others + _PKCS8) == _KEY.private_numbers()


@pytest.mark.parametrize("name", [None, "e", "d", "p", "q", "dmp1", "dmq1", "iqmp"])
def test_long_keys_are_looked_at_without_the_long_test(name, monkeypatch):
    """Of a key whose primes take OpenSSL seconds, each number is compared with the others, and OpenSSL is not asked."""
    monkeypatch.setattr("signal_client_oci.settings.api_key._MAX_CHECKED_PRIME_BITS", 1000)
    monkeypatch.setattr("signal_client_oci.settings.api_key._valid", set())
    changed = {} if name is None else {name: _pkcs1_number(name) + 2}
    pem = _armoured("RSA PRIVATE KEY", _pkcs1(**changed))
    if name is None:
        assert _opened(pem) == _KEY.private_numbers()
    else:
        assert _refusal(pem).code == "PRIVATE_KEY_DAMAGED"


def _pkcs1_number(name):
    private = _KEY.private_numbers()
    return private.public_numbers.e if name == "e" else getattr(private, name)


@pytest.mark.parametrize("times", [2, 3])
def test_base64_of_base64_is_not_followed(times):
    """Base64 of the whole file is decoded once and not again: base64 of base64 is not a key."""
    wrapped = _PKCS8
    for _ in range(times):
        wrapped = base64.b64encode(wrapped.encode()).decode()
    assert _refusal(wrapped).code == "PRIVATE_KEY_NOT_PEM"


def test_marks_of_keys_differ_by_key_and_passphrase():
    """The digest of a valid key never matches another key, or the same key with another passphrase."""
    keys = [FoundKey(b"a"), FoundKey(b"b"), FoundKey(b"")]
    marks = {_digest(key, passphrase) for key in keys for passphrase in (None, b"", b"a", b"b")}
    assert len(marks) == len(keys) * 4


@pytest.mark.parametrize("form", _FORMS)
@pytest.mark.parametrize(
    "dump", [pickle.dumps, copy.copy, copy.deepcopy, dataclasses.asdict], ids=lambda dump: dump.__qualname__
)
def test_found_keys_are_not_dumped(form, dump):
    """Neither pickle nor a copy gets at a key that was found."""
    with pytest.raises(TypeError, match="holds a secret"):
        dump(find_private_key(_FORMS[form][0]))


@pytest.mark.parametrize("dump", [pickle.dumps, copy.copy, copy.deepcopy])
def test_opened_keys_are_not_dumped(dump):
    """Neither pickle nor a copy gets at a key that was opened."""
    with pytest.raises(TypeError, match="ApiKey holds a secret"):
        dump(load_api_key(_PKCS8, "", _FINGERPRINT))


def _encrypted(lock, derived):
    """The DER of our key, encrypted with AES-256 under a key that was derived by hand."""
    padding = 16 - len(_DER) % 16
    encryptor = Cipher(algorithms.AES(derived), modes.CBC(bytes(16))).encryptor()
    return lock(ciphertext=encryptor.update(_DER + bytes([padding]) * padding) + encryptor.finalize())


@pytest.mark.slow
def test_usual_encryptions_open():
    """What openssl writes by itself, and what it writes when it is asked for more rounds, opens as before."""
    secret = _PASSPHRASE.encode()
    scrypt = hashlib.scrypt(secret, salt=b"saltsalt", n=16384, r=8, p=1, dklen=32)
    rounds = hashlib.pbkdf2_hmac("sha256", secret, b"saltsalt", 600_000, 32)
    for der in (
        _encrypted(partial(_scrypt, 16384, 8, 1), scrypt),
        _encrypted(partial(_pbkdf2, 600_000), rounds),
    ):
        assert _opened(_locked(der), _PASSPHRASE) == _KEY.private_numbers()
