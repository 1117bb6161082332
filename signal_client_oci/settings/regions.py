"""OCI regions: the identifier of the region that an operator means, its realm, and its domain.

The regions are those of the OCI SDK, which is imported on first use, and those that the machine declares in
`OCI_REGION_METADATA` or `~/.oci/regions-config.json`; the instance metadata service is never queried. Domains are
those that the SDK ships, whatever the machine declares.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib.util
import re
import unicodedata
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from signal_client_oci.settings.values import read_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "ALL_REGIONS",
    "DISPLAY_NAMES",
    "UnknownRegionError",
    "canonical_region",
    "read_region",
    "read_regions",
    "realm_of",
    "region_label",
    "shipped_domain",
]

ALL_REGIONS: Final = "all"

# The SDK treats a name with a dot as a host and signs requests to it, so only names of this form are looked up.
_IDENTIFIER: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
# Looked up instead of the text that was typed: the SDK logs unknown names, and the text may be a pasted key.
_NO_REGION: Final = "no-region"
_QUOTABLE: Final = re.compile(r"[\w ().,:/'-]{1,40}")
_FILLERS: Final = frozenset({"region", "oci", "oracle", "cloud", "home", "the"})
_MAX_SUGGESTIONS: Final = 3
_MAX_SHOWN_ERRORS: Final = 3

DISPLAY_NAMES: Final[dict[str, str]] = {
    "af-casablanca-1": "Morocco West (Casablanca)",
    "af-johannesburg-1": "South Africa Central (Johannesburg)",
    "ap-batam-1": "Indonesia North (Batam)",
    "ap-chuncheon-1": "South Korea North (Chuncheon)",
    "ap-hyderabad-1": "India South (Hyderabad)",
    "ap-melbourne-1": "Australia Southeast (Melbourne)",
    "ap-mumbai-1": "India West (Mumbai)",
    "ap-osaka-1": "Japan Central (Osaka)",
    "ap-seoul-1": "South Korea Central (Seoul)",
    "ap-singapore-1": "Singapore (Singapore)",
    "ap-singapore-2": "Singapore West (Singapore)",
    "ap-sydney-1": "Australia East (Sydney)",
    "ap-tokyo-1": "Japan East (Tokyo)",
    "ca-montreal-1": "Canada Southeast (Montreal)",
    "ca-toronto-1": "Canada Southeast (Toronto)",
    "eu-amsterdam-1": "Netherlands Northwest (Amsterdam)",
    "eu-frankfurt-1": "Germany Central (Frankfurt)",
    "eu-frankfurt-2": "EU Sovereign Central (Frankfurt)",
    "eu-jovanovac-1": "Serbia Central (Jovanovac)",
    "eu-madrid-1": "Spain Central (Madrid)",
    "eu-madrid-2": "EU Sovereign South (Madrid)",
    "eu-marseille-1": "France South (Marseille)",
    "eu-milan-1": "Italy Northwest (Milan)",
    "eu-paris-1": "France Central (Paris)",
    "eu-stockholm-1": "Sweden Central (Stockholm)",
    "eu-turin-1": "Italy North (Turin)",
    "eu-zurich-1": "Switzerland North (Zurich)",
    "il-jerusalem-1": "Israel Central (Jerusalem)",
    "me-abudhabi-1": "UAE Central (Abu Dhabi)",
    "me-dubai-1": "UAE East (Dubai)",
    "me-jeddah-1": "Saudi Arabia West (Jeddah)",
    "me-riyadh-1": "Saudi Arabia Central (Riyadh)",
    "mx-monterrey-1": "Mexico Northeast (Monterrey)",
    "mx-queretaro-1": "Mexico Central (Queretaro)",
    "sa-bogota-1": "Colombia Central (Bogota)",
    "sa-santiago-1": "Chile Central (Santiago)",
    "sa-saopaulo-1": "Brazil East (Sao Paulo)",
    "sa-valparaiso-1": "Chile West (Valparaiso)",
    "sa-vinhedo-1": "Brazil Southeast (Vinhedo)",
    "uk-cardiff-1": "UK West (Newport)",
    "uk-gov-cardiff-1": "UK Gov West (Newport)",
    "uk-gov-london-1": "UK Gov South (London)",
    "uk-london-1": "UK South (London)",
    "us-ashburn-1": "US East (Ashburn)",
    "us-chicago-1": "US Midwest (Chicago)",
    "us-gov-ashburn-1": "US DoD East (Ashburn)",
    "us-gov-chicago-1": "US DoD North (Chicago)",
    "us-gov-phoenix-1": "US DoD West (Phoenix)",
    "us-langley-1": "US Gov East (Ashburn)",
    "us-luke-1": "US Gov West (Phoenix)",
    "us-phoenix-1": "US West (Phoenix)",
    "us-sanjose-1": "US West (San Jose)",
}
"""Region identifier → the name that the OCI console shows (Oracle's "Regions and Availability Domains")."""


class UnknownRegionError(ValueError):
    """A text that does not name a region known to the SDK.

    Attributes:
        suggestions: Identifiers of the regions that may have been meant, most likely first, at most three.
    """

    def __init__(self, text: str, suggestions: Sequence[str]) -> None:
        self.suggestions: tuple[str, ...] = tuple(suggestions)
        # A key that was pasted into this field must not be quoted.
        subject = text if _QUOTABLE.fullmatch(text) else "This"
        super().__init__(f"{subject} is not an OCI region. {_what_to_do(self.suggestions)}")


def canonical_region(text: str) -> str:
    """Return the identifier of the region that a text names, such as `us-ashburn-1`.

    Surrounding white space and upper case are accepted, and short codes (`iad`) are translated. There is no fallback
    to another realm or host (the SDK by itself would send the requests for an unknown region to realm OC1).

    Raises:
        UnknownRegionError: the SDK does not know it; the message suggests similar regions.
    """
    wanted = text.strip().lower()
    if len(wanted) < 64 and _IDENTIFIER.fullmatch(wanted):  # noqa: PLR2004 - the longest label of a host name
        sdk = _sdk_regions(wanted)
        identifier = str(sdk.REGIONS_SHORT_NAMES.get(wanted, wanted))
        if identifier in sdk.REGION_REALMS and _IDENTIFIER.fullmatch(identifier):
            return identifier
    raise UnknownRegionError(text.strip(), _suggestions(wanted, _sdk_regions(wanted).REGIONS))


def read_region(text: str) -> str:
    """Return the identifier of the region that the form names.

    Raises:
        ValueError: the text is empty, or does not name a known region.
    """
    if not text:
        raise ValueError(f"The region is missing. {_what_to_do(())}")
    return canonical_region(text)


def read_regions(value: object, most: int, longest: int) -> list[str]:
    """Return the identifiers of a list of regions, each once; `["all"]` if one of them is the word "all".

    Args:
        value: A list of names, or one text (see `read_names`).
        most: How many entries are accepted.
        longest: How many characters of each entry are accepted.

    Raises:
        ValueError: the value is not a list of names, or some of them are not known regions.
    """
    names = read_names(value, most, longest)
    if any("PRIVATE KEY" in name for name in names):
        raise ValueError(
            "This is a private key, not a list of region identifiers. Paste it into Private Key."
        )
    if any(name.lower() == ALL_REGIONS for name in names):
        return [ALL_REGIONS]
    regions: dict[str, None] = {}
    errors: list[str] = []
    for name in names:
        try:
            regions[canonical_region(name)] = None
        except UnknownRegionError as error:
            errors.append(str(error))
    if errors:
        raise ValueError(" ".join(errors[:_MAX_SHOWN_ERRORS]))
    return list(regions)


def realm_of(region: str) -> str:
    """Return the realm of a region, such as `oc1`.

    Raises:
        UnknownRegionError: the SDK does not know the region.
    """
    identifier = canonical_region(region)
    return str(_sdk_regions(identifier).REGION_REALMS[identifier])


def shipped_domain(region: str) -> str | None:
    """Return the domain of a region's endpoints, such as `oraclecloud.com`; None for a realm the SDK does not ship.

    It is read from the SDK's files, not from its state: `OCI_REGION_METADATA`, `OCI_DEFAULT_REALM`,
    `~/.oci/regions-config.json` and a developer tool configuration can set any domain there, for any region. A region
    that is declared in a realm which the SDK ships has that realm's domain.

    Raises:
        UnknownRegionError: the SDK does not know the region.
    """
    shipped = _shipped_regions()
    domain = shipped.REALMS.get(shipped.REGION_REALMS.get(region) or realm_of(region))
    return None if domain is None else str(domain)


@cache
def _shipped_regions() -> ModuleType:
    """Return the SDK's tables as its package ships them, in a module that nothing else can change."""
    spec = importlib.util.find_spec("oci.regions_definitions")
    if spec is None or spec.loader is None:
        raise ImportError("the OCI SDK has no table of regions")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def region_label(region: str) -> str:
    """Return a region's identifier with its name in the OCI console, `us-ashburn-1 (US East (Ashburn))`."""
    name = DISPLAY_NAMES.get(region)
    return f"{region} ({name})" if name else region


def _sdk_regions(wanted: str) -> Any:
    """Return the SDK's module of regions; it has read the machine's declarations if it does not know `wanted`."""
    from oci import regions as sdk  # noqa: PLC0415 - importing the plugin must not import the SDK

    if wanted not in sdk.REGION_REALMS and wanted not in sdk.REGIONS_SHORT_NAMES:
        # A malformed declaration makes the SDK fail here; the regions that it ships can still be used.
        with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError):
            sdk.is_region(_NO_REGION)
    return sdk


def _what_to_do(suggestions: Sequence[str]) -> str:
    if not suggestions:
        return (
            "Copy the region identifier, for example us-ashburn-1, from the OCI console: "
            "region menu (top right) > Manage regions."
        )
    *others, last = (region_label(region) for region in suggestions)
    return f"Did you mean {', '.join(others)} or {last}?" if others else f"Did you mean {last}?"


def _suggestions(text: str, known: Iterable[str]) -> list[str]:
    """Return the known regions that a text may mean: contained in it, with its words, or with a similar spelling."""
    regions = list(dict.fromkeys(known))
    plain = _plain(text[:100])[:100]
    joined = re.sub(r"[\s_]+", "-", plain)
    named = [region for region in regions if _names(plain, region) or _names(joined, region)]
    if named:
        return named[:_MAX_SUGGESTIONS]
    words = _words(plain) - _FILLERS
    alike = [
        region for region in regions if words and words <= _words(f"{region} {DISPLAY_NAMES.get(region, '')}")
    ]
    if alike:
        return alike[:_MAX_SUGGESTIONS]
    spelt = {region: region for region in regions}
    spelt |= {region.split("-", 1)[-1].rsplit("-", 1)[0]: region for region in reversed(regions)}
    spelt |= {name.lower(): region for region, name in DISPLAY_NAMES.items() if region in regions}
    near = difflib.get_close_matches(plain, spelt, n=_MAX_SUGGESTIONS, cutoff=0.65)
    return list(dict.fromkeys(spelt[match] for match in near))


def _names(plain: str, region: str) -> bool:
    """Return whether a text contains a region's identifier (perhaps without its number), or is its console name."""
    lacks_number = "-" in plain and region.startswith(f"{plain}-")
    return region in plain or lacks_number or plain == DISPLAY_NAMES.get(region, region).lower()


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z]+", text.lower()))


def _plain(text: str) -> str:
    """Return a text in lowercase without accents, so that "São Paulo" is found."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(char for char in decomposed if not unicodedata.combining(char)).lower()
