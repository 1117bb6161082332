"""Secrets in command lines: which argument of which command is a password.

The same rules read a line of text (`mysql -u root -pX`) and a list of arguments (`["mysql", "-u", "root", "-pX"]`).
Options whose names tell by themselves (`--password X`) are not here: they are telling names like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Final

from signal_client_oci.artifacts.secrets.names import is_reference, is_word, kind_of_key
from signal_client_oci.artifacts.secrets.reach import Reach
from signal_client_oci.artifacts.secrets.schemes import Span, marker

__all__ = ["COMMANDS", "CommandLines", "secret_arguments"]

_MOST_ARGUMENTS: Final = 48
_MOST_BYTES: Final = 4096
_FARTHEST_PIPE: Final = 320
_MOST_NESTED: Final = 3  # commands in the arguments of another one


@dataclass(frozen=True)
class Command:
    """Where a command takes a secret.

    Attributes:
        options: Options whose next argument is the secret.
        attached: Options that have the secret attached, as `-pX`.
        user: Options whose argument is `user:secret`, or has another separator (`separator`) between the two.
        separator: What stands between user and secret.
        only_with: The command takes a secret only with one of these arguments; empty = always.
        positional: The place of the secret among the arguments that are no options, -1 = the last; None = nowhere.
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

# what ends a command (a pipe, a line, another command), or one argument, quoted as a shell has it; in JSON backslashes
# stand before the quotes
_ARGUMENT: Final = re.compile(
    rb"[ \t]{0,64}(?:(?P<end>[|;\r\n]|&&|&(?=\s|\Z)|\\n|\Z)"
    rb"|\\{0,4}\"(?P<double>[^\"\r\n]{0,1024}?)\\{0,4}\""
    rb"|'(?P<single>[^'\r\n]{0,1024})'|(?P<bare>[^\s\"']{1,1024}))"
)
# `user/secret@database`, as Oracle's tools take it
_LOGIN: Final = re.compile(rb"[A-Za-z][A-Za-z0-9_$#.-]{0,63}/(?P<secret>[^/\s@]{1,128})(?:@\S{1,256})?")
# Windows' options, shares and drives, and what asks for a prompt
_NO_SECRET: Final = re.compile(rb"/|\\\\|[A-Za-z]:\Z|\*\Z")
_NOT_SECRET_NAMES: Final = _set(
    "username user name host hostname port database db dbname region email login tenant url"
)
_SET: Final = frozenset({b"set", b"config", b"configure"})
# `echo 'root:X' | chpasswd`, `echo X | sudo -S ...`
_PIPED: Final = re.compile(
    rb"(?:echo|printf)[ \t]{1,8}(?:-[A-Za-z]{1,3}[ \t]{1,8})?"
    rb"(?:\\{0,4}[\"'])?(?P<text>[^\"'|\r\n]{1,256})(?P<quote>[\"'])?[ \t]{0,8}"
    rb"\|(?P<reader>[^|\r\n]{1,256})"
)
_LINE_ENDS: Final = re.compile(rb"(?:\\{1,4}n)*\Z")
# what reads a secret from a pipe
_READS: Final = re.compile(
    rb"[ \t]{0,8}(?:sudo[ \t]{1,8})?(?:[^\s/]{0,64}/){0,16}"
    rb"(?:(?P<users>chpasswd)|passwd[ \t]{1,8}--stdin|sudo[ \t]{1,8}-S|su\b)"
)
# the name of a command, or what tells that another program wrote one down
_NAME: Final = re.compile(
    rb"(?P<echo>echo|printf)\b|(?P<execve>execve)\b|(?P<title>proctitle=)|(?P<url>command=-)|(?P<name>net1|"
    + "|".join(re.escape(one) for one in sorted(COMMANDS, key=len, reverse=True)).encode()
    + rb")(?:\.exe)?(?![A-Za-z0-9_.-])",
    re.IGNORECASE,
)
_WORD_CHARACTER: Final = re.compile(rb"[A-Za-z0-9_.-]")
_AUDITD: Final = re.compile(rb"\ba[0-9]{1,3}=\\{0,4}\"(?P<value>[^\"\r\n\\]{0,1024})\\{0,4}\"")
# a command line in hex, its arguments apart by zero bytes
_HEX: Final = re.compile(rb"(?:[0-9A-F]{2}){4,2048}(?![0-9A-Za-z])")
# arguments in a URL, as Kubernetes has them: `?command=mysql&command=-pX`
_IN_URL: Final = re.compile(rb"(?<![A-Za-z])command=(?P<value>[^&\s\"']{0,1024})")

Part = tuple[int, int, int]
Pair = tuple[int, int]


class CommandLines:
    """The command lines of one text."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._reach = Reach(most=_MOST_NESTED, far=_MOST_BYTES)

    def spans(self, place: int) -> Iterator[Span]:
        """Yield the secrets of the command line at a place, however the line is written down."""
        text, last = self._text, self._reach.limit(place)
        found = _NAME.match(text, place)
        if not found or last <= place or (place and _WORD_CHARACTER.match(text, place - 1)):
            return
        kind = found.lastgroup
        if kind == "title":
            yield from _title(text, found.end())
        elif kind == "echo":
            yield from _masks(_piped_secret(text, place))
        elif kind == "name":
            name = found.group().lower().removesuffix(b".exe").decode()
            arguments = _arguments_of(text, found.end(), last)
            self._reach.went(place, arguments[-1][1] if arguments else place)
            yield from _masks(_among(text, "net" if name == "net1" else name, arguments))
        else:
            shape = _AUDITD if kind == "execve" else _IN_URL
            first = place if kind == "execve" else text.rfind(b"?", max(0, place - _MOST_BYTES), place) + 1
            arguments = [
                one.span("value") for one in islice(shape.finditer(text, first, last), _MOST_ARGUMENTS)
            ]
            read_on = len(arguments) == _MOST_ARGUMENTS and arguments[-1][1] > place
            self._reach.went(place, arguments[-1][1] if read_on else last)
            yield from _masks(_executed(text, arguments))


def _masks(spans: Iterable[Pair]) -> Iterator[Span]:
    return (Span(start, stop, marker("password")) for start, stop in spans)


def _among(text: bytes, name: str, arguments: Sequence[Pair]) -> Iterator[Pair]:
    """Yield the spans of the secrets among the arguments of a command."""
    for at, start, stop in secret_arguments(name, [text[slice(*span)] for span in arguments]):
        yield arguments[at][0] + start, arguments[at][0] + stop


def _executed(text: bytes, spans: Sequence[Pair]) -> Iterator[Pair]:
    """Yield the secrets of a command of which each argument stands by itself: `a0="mysql" a1="-pX"`."""
    name = _command_name(text[slice(*spans[0])]) if spans else ""
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


def _command_name(argument: bytes) -> str:
    return re.split(rb"[/\\]", argument)[-1].lower().removesuffix(b".exe").decode("latin-1")


def secret_arguments(name: str, arguments: Sequence[bytes]) -> Iterator[Part]:
    """Yield the secrets among a command's arguments, each as the argument's index and the span inside it."""
    command = COMMANDS[name]
    if command.only_with and not _has_one_of(command.only_with, arguments):
        return
    before = b""
    for at, argument in enumerate(arguments):
        if before in command.options:
            yield from _whole(at, argument, 0)
        elif before in command.user:
            yield from _behind(at, argument, 0, command.separator)
        elif argument.startswith(b"-") and b"=" in argument and argument.partition(b"=")[0] in command.user:
            yield from _behind(at, argument, argument.index(b"=") + 1, command.separator)
        elif command.attached and argument.startswith(command.attached) and not argument.startswith(b"--"):
            attached = next(one for one in command.attached if argument.startswith(one))
            yield from _whole(at, argument, len(attached))
        elif command.login and (found := _LOGIN.fullmatch(argument)):
            yield from _part(at, argument, *found.span("secret"))
        elif at > 1 and arguments[at - 2].lower() in _SET and kind_of_key(before):
            yield from _whole(at, argument, 0)
        before = argument
    if command.positional is not None:
        yield from _by_place(arguments, command.positional)


def _has_one_of(words: frozenset[bytes], arguments: Sequence[bytes]) -> bool:
    """Tell whether an argument, or the option in it, is one of some words; Windows minds no case."""
    options = [one.partition(b"=")[0] for one in arguments]
    return any(one in words or one.lower() in words for one in options)


def _by_place(arguments: Sequence[bytes], place: int) -> Iterator[Part]:
    """Yield the secret that is known by its place among the arguments that are no options."""
    plain = [at for at, one in enumerate(arguments) if not one.startswith(b"-") and not _NO_SECRET.match(one)]
    if plain and arguments[plain[0]].lower() == b"use":  # `net use Z: \\\\host\\share /user:name secret`
        place = 1
    if len(plain) > max(place, 1):
        yield from _whole(plain[place], arguments[plain[place]], 0)


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


def _arguments_of(text: bytes, place: int, last: int) -> list[Pair]:
    """Return the spans of the arguments that begin at a place, up to the end of the command."""
    spans: list[Pair] = []
    while len(spans) < _MOST_ARGUMENTS and place < last:
        found = _ARGUMENT.match(text, place)
        if not found or found.lastgroup == "end":
            break
        start, stop = found.span(found.lastgroup or 0)
        place = found.end()
        spans.append((start, stop - text[start:stop].endswith(b";")))
    return spans


def _piped_secret(text: bytes, place: int) -> Iterator[Pair]:
    """Yield the secret that an `echo` at a place hands to a command that reads one."""
    piped = text.find(b"|", place, place + _FARTHEST_PIPE) >= 0
    found = _PIPED.match(text, place) if piped else None
    reads = _READS.match(found["reader"]) if found else None
    if found is None or not (reads or b"--password-stdin" in found["reader"]):
        return
    start = found.start("text")
    value = _LINE_ENDS.sub(b"", found["text"].rstrip(b"\\" if found["quote"] else b" \t"))
    stop = start + len(value)
    if reads and reads["users"]:
        start = text.find(b":", start, stop) + 1 or stop
    value = text[start:stop]
    if value.strip() and not is_word(value) and b"<redacted:" not in value:
        yield start, stop
