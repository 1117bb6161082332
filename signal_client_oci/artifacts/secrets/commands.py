"""Secrets in command lines: which argument of which command is a password.

The same rules read a line of text (`mysql -u root -pX`) and a list of arguments (`["mysql", "-u", "root", "-pX"]`).
Options whose names tell by themselves (`--password X`) are not here: they are telling names like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from signal_client_oci.artifacts.secrets.names import is_reference, is_word, kind_of_key
from signal_client_oci.artifacts.secrets.schemes import Span, marker

__all__ = ["COMMANDS", "command_spans", "secret_arguments"]

_MOST_ARGUMENTS: Final = 48
_MOST_BYTES: Final = 4096


@dataclass(frozen=True)
class Command:
    """Where a command takes a secret.

    Attributes:
        options: Options whose next argument is the secret.
        attached: Options that have the secret attached, as `-pX`.
        user: Options whose argument is `user:secret`, or has another separator (`separator`) between the two.
        separator: What stands between user and secret.
        only_with: The command takes a secret only with one of these arguments; empty = always.
        positional: The place of the secret among the arguments that are no options, -1 = the last; None = there is none.
        login: Arguments that are no options may be `user/secret` or `user/secret@database`.
    """

    options: frozenset[bytes] = frozenset()
    attached: tuple[bytes, ...] = ()
    user: frozenset[bytes] = frozenset()
    separator: bytes = b":"
    only_with: frozenset[bytes] = frozenset()
    positional: int | None = None
    login: bool = False


def _set(words: str) -> frozenset[bytes]:
    return frozenset(words.encode().split())


_CURL: Final = Command(user=_set("-u --user -U --proxy-user"))
_REGISTRY: Final = Command(
    options=_set("-p"),
    attached=(b"-p",),
    user=_set("--creds --src-creds --dest-creds"),
    only_with=_set("login --creds --src-creds --dest-creds"),
)
_MYSQL: Final = Command(attached=(b"-p",))
_LDAP: Final = Command(options=_set("-w -s"), attached=(b"-w",))
_SMB: Final = Command(user=_set("-U --user"), separator=b"%")
_CAPITAL_P: Final = Command(options=_set("-P"), attached=(b"-P",))
_SMALL_P: Final = Command(options=_set("-p"))
_ORACLE: Final = Command(login=True)
COMMANDS: Final[dict[str, Command]] = {
    **dict.fromkeys(("curl", "wget"), _CURL),
    "sshpass": Command(options=_set("-p"), attached=(b"-p",)),
    **dict.fromkeys(("docker", "podman", "buildah", "skopeo", "nerdctl", "helm", "oras"), _REGISTRY),
    "az": Command(options=_set("-p"), only_with=_set("login")),
    **dict.fromkeys(("mysql", "mysqldump", "mysqladmin", "mysqlimport", "mariadb", "mariadb-dump"), _MYSQL),
    "redis-cli": Command(options=_set("-a")),
    **dict.fromkeys(("ldapsearch", "ldapadd", "ldapmodify", "ldapdelete", "ldappasswd", "ldapwhoami"), _LDAP),
    "htpasswd": Command(positional=-1, only_with=_set("-b -bc -cb -nb -bn -nbB -bB -Bb -bBc -nbm -cbB")),
    **dict.fromkeys(("smbclient", "rpcclient"), _SMB),
    **dict.fromkeys(
        ("crackmapexec", "nxc", "netexec", "evil-winrm", "psexec", "psexec64", "mongo", "mongosh"), _SMALL_P
    ),
    **dict.fromkeys(("mongodump", "mongorestore", "useradd", "usermod", "rdesktop"), _SMALL_P),
    **dict.fromkeys(("sqlcmd", "zip", "unzip", "ipmitool", "mosquitto_pub", "mosquitto_sub"), _CAPITAL_P),
    **dict.fromkeys(("7z", "7za", "rar", "unrar"), _MYSQL),
    "net": Command(positional=2, only_with=_set("user use")),
    "openssl": Command(options=_set("-k"), attached=(b"pass:",)),
    **dict.fromkeys(("sqlplus", "sqlldr", "expdp", "impdp", "rman"), _ORACLE),
    "kubectl": Command(user=_set("--from-literal"), separator=b"=", only_with=_set("secret")),
    "oc": Command(user=_set("--from-literal"), separator=b"=", only_with=_set("secret")),
    "vault": Command(positional=1, only_with=_set("login")),
    "winrs": Command(attached=(b"-p:", b"/p:")),
    "xfreerdp": Command(attached=(b"/p:",)),
    "schtasks": Command(options=_set("/rp /RP /p /P")),
    "ssh-keygen": Command(options=_set("-N -P")),
    "aws": Command(),
}

_ARGUMENT: Final = re.compile(
    rb"[ \t]{0,64}(?:\\{0,4}\"(?P<double>[^\"\r\n]{0,1024}?)\\{0,4}\"|'(?P<single>[^'\r\n]{0,1024})'|(?P<bare>[^\s\"']{1,1024}))"
)
_ENDS: Final = re.compile(rb"[ \t]{0,64}(?:[|;\r\n]|&&|&(?=\s|\Z)|\\n|\Z)")
_LOGIN: Final = re.compile(rb"[A-Za-z][A-Za-z0-9_$#.-]{0,63}/(?P<secret>[^/\s@]{1,128})(?:@\S{1,256})?")
# Windows' options, shares and drives, and what asks for a prompt
_NO_SECRET: Final = re.compile(rb"/|\\\\|[A-Za-z]:\Z|\*\Z")
_NOT_SECRET_NAMES: Final = _set(
    "username user name host hostname port database db dbname region email login tenant url"
)
_SET: Final = frozenset({b"set", b"config", b"configure"})
# `echo 'root:X' | chpasswd`, `echo X | sudo -S ...`
_PIPED: Final = re.compile(
    rb"(?:echo|printf)[ \t]{1,8}(?:-[A-Za-z]{1,3}[ \t]{1,8})?(?:\\{0,4}[\"'])?(?P<text>[^\"'|\r\n]{1,256}?)(?:\\n)?(?:\\{0,4}[\"'])?[ \t]{0,8}\|"
    rb"[ \t]{0,8}(?:sudo[ \t]{1,8})?(?:\S{0,64}/)?(?P<reader>chpasswd|passwd[ \t]{1,8}--stdin|sudo[ \t]{1,8}-S|su\b|[^|\r\n]{0,256}?--password-stdin)"
)

_NAME: Final = re.compile(
    rb"(?P<echo>echo|printf)\b|(?P<execve>execve)\b|(?P<title>proctitle=)|(?P<url>command=-)|(?P<name>net1|"
    + "|".join(re.escape(one) for one in sorted(COMMANDS, key=len, reverse=True)).encode()
    + rb")(?:\.exe)?(?![A-Za-z0-9_.-])",
    re.IGNORECASE,
)
_WORD_CHARACTER: Final = re.compile(rb"[A-Za-z0-9_.-]")
_AUDITD: Final = re.compile(rb"\ba[0-9]{1,3}=\\{0,4}\"(?P<value>[^\"\r\n\\]{0,1024})\\{0,4}\"")
_HEX: Final = re.compile(rb"(?:[0-9A-F]{2}){4,2048}(?![0-9A-Za-z])")
_IN_URL: Final = re.compile(rb"(?<![A-Za-z])command=(?P<value>[^&\s\"']{0,1024})")

Part = tuple[int, int, int]
Pair = tuple[int, int]


def command_spans(text: bytes, place: int) -> Iterator[Span]:
    """Yield the secrets of the command line at a place in a text, however the line is written down."""
    found = _NAME.match(text, place)
    if not found or (place and _WORD_CHARACTER.match(text, place - 1)):
        return
    kind, name = found.lastgroup, found.group().lower()
    if kind == "echo":
        spans = [span] if (span := _piped_secret(text, place)) else []
    elif kind == "execve":
        spans = list(_executed(text, found.end()))
    elif kind == "title":
        yield from _title(text, found.end())
        return
    elif kind == "url":
        spans = list(_in_url(text, place))
    else:
        command = name.removesuffix(b".exe").decode()
        arguments = _arguments_of(text, found.end())
        spans = list(_among(text, "net" if command == "net1" else command, arguments))
    yield from (Span(start, stop, marker("password")) for start, stop in spans)


def _among(text: bytes, name: str, arguments: Sequence[Pair]) -> Iterator[Pair]:
    """Yield the spans of the secrets among the arguments of a command."""
    for at, start, stop in secret_arguments(name, [text[slice(*span)] for span in arguments]):
        yield arguments[at][0] + start, arguments[at][0] + stop


def _executed(text: bytes, at: int) -> Iterator[Pair]:
    """Yield the secrets of a command as auditd writes it: `a0="mysql" a1="-pX"`."""
    spans = [found.span("value") for found in _AUDITD.finditer(text, at, at + _MOST_BYTES)][:_MOST_ARGUMENTS]
    if not spans:
        return
    name = _command_name(text[slice(*spans[0])])
    if name in COMMANDS:
        yield from _among(text, name, spans[1:])
    for option, value in pairwise(spans[1:]):
        word = text[slice(*option)]
        if (
            word.startswith(b"-")
            and kind_of_key(word)
            and (part := next(_whole(0, text[slice(*value)], 0), None))
        ):
            yield value[0] + part[1], value[0] + part[2]


def _title(text: bytes, at: int) -> Iterator[Span]:
    """Yield the command line of a process, which auditd writes in hex, with its secrets masked."""
    found = _HEX.match(text, at)
    if not found:
        return
    arguments = bytes.fromhex(found.group().decode()).split(b"\0")
    name = _command_name(arguments[0])
    parts = list(secret_arguments(name, arguments[1:])) if name in COMMANDS else []
    for index, start, stop in reversed(parts):
        value = arguments[index + 1]
        arguments[index + 1] = value[:start] + marker("password") + value[stop:]
    if parts:
        yield Span(*found.span(), b"\0".join(arguments).hex().upper().encode())


def _in_url(text: bytes, place: int) -> Iterator[Pair]:
    """Yield the secrets of a command in a URL, as Kubernetes has it: `?command=mysql&command=-pX`."""
    first = text.rfind(b"?", max(0, place - _MOST_BYTES), place) + 1
    spans = [found.span("value") for found in _IN_URL.finditer(text, first, place + _MOST_BYTES)][
        :_MOST_ARGUMENTS
    ]
    name = _command_name(text[slice(*spans[0])]) if spans else ""
    if name in COMMANDS:
        yield from _among(text, name, spans[1:])


def _command_name(argument: bytes) -> str:
    return re.split(rb"[/\\]", argument)[-1].lower().removesuffix(b".exe").decode("latin-1")


def secret_arguments(name: str, arguments: Sequence[bytes]) -> Iterator[Part]:
    """Yield the secrets among a command's arguments, each as the argument's index and the span inside it."""
    command = COMMANDS[name]
    given = {argument.partition(b"=")[0] for argument in arguments}
    if command.only_with and not command.only_with & given:
        return
    plain = [at for at, argument in enumerate(arguments) if not argument.startswith(b"-")]
    for at, argument in enumerate(arguments):
        before = arguments[at - 1] if at else b""
        if before in command.options:
            yield from _whole(at, argument, 0)
        elif before in command.user:
            yield from _behind(at, argument, 0, command.separator)
        elif argument.partition(b"=")[0] in command.user and b"=" in argument:
            yield from _behind(at, argument, argument.index(b"=") + 1, command.separator)
        elif attached := next((one for one in command.attached if _is_attached(argument, one)), None):
            yield from _whole(at, argument, len(attached))
        elif command.login and (found := _LOGIN.fullmatch(argument)):
            yield from _part(at, argument, *found.span("secret"))
        elif before and kind_of_key(before) and at > 1 and arguments[at - 2].lower() in _SET:
            yield from _whole(at, argument, 0)
    if command.positional is not None:
        yield from _by_place(
            arguments, [at for at in plain if not _NO_SECRET.match(arguments[at])], command.positional
        )


def _by_place(arguments: Sequence[bytes], plain: Sequence[int], place: int) -> Iterator[Part]:
    """Yield the secret that is known by its place among the arguments that are no options."""
    if plain and arguments[plain[0]] == b"use":  # `net use Z: \\\\host\\share /user:name secret`
        place = 1
    if len(plain) > max(place, 1):
        yield from _whole(plain[place], arguments[plain[place]], 0)


def _is_attached(argument: bytes, option: bytes) -> bool:
    return argument.startswith(option) and len(argument) > len(option) and not argument.startswith(b"--")


def _behind(at: int, argument: bytes, start: int, separator: bytes) -> Iterator[Part]:
    """Yield what stands behind the separator of a user and a secret."""
    cut = argument.find(separator, start)
    if cut >= 0 and not (separator == b"=" and argument[start:cut].lower() in _NOT_SECRET_NAMES):
        yield from _part(at, argument, cut + len(separator), len(argument))


def _whole(at: int, argument: bytes, start: int) -> Iterator[Part]:
    if not argument[start:].startswith(b"-"):
        yield from _part(at, argument, start, len(argument))


def _part(at: int, argument: bytes, start: int, stop: int) -> Iterator[Part]:
    value = argument[start:stop]
    if value and not is_word(value) and not is_reference(value) and b"<redacted:" not in value:
        yield at, start, stop


def _arguments_of(text: bytes, place: int) -> list[tuple[int, int]]:
    """Return the spans of the arguments that begin at a place, up to the end of the command."""
    spans: list[tuple[int, int]] = []
    last = place + _MOST_BYTES
    while len(spans) < _MOST_ARGUMENTS and place < last and not _ENDS.match(text, place):
        found = _ARGUMENT.match(text, place)
        if not found:
            break
        start, stop = found.span(found.lastgroup or 0)
        place = found.end()
        spans.append((start, stop - text[start:stop].endswith(b";")))
    return spans


def _piped_secret(text: bytes, place: int) -> tuple[int, int] | None:
    """Return the span of the secret that an `echo` at a place hands to a command that reads one."""
    found = _PIPED.match(text, place)
    if not found:
        return None
    start, stop = found.span("text")
    if found["reader"] == b"chpasswd":
        start = text.find(b":", start, stop) + 1 or stop
    value = text[start:stop]
    return None if not value.strip() or is_word(value) or b"<redacted:" in value else (start, stop)
