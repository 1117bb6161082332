"""OCI region names: what an operator types made canonical, and the realm that a region belongs to.

The regions are those of the OCI SDK, which is imported on first use. That includes what the machine declares
in `OCI_REGION_METADATA` or `~/.oci/regions-config.json`; the instance metadata service is never asked. Domains are
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

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "DISPLAY_NAMES",
    "UnknownRegionError",
    "canonical_region",
    "realm_of",
    "region_label",
    "shipped_domain",
]

# The SDK takes a name with a dot for a host and signs a request to it: only such names are looked up.
_IDENTIFIER: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
# Looked for in place of what was typed: the SDK logs a name that it does not know, and that may be a pasted key.
_NO_REGION: Final = "no-region"
_ECHOABLE: Final = re.compile(r"[\w ().,:/'-]{1,40}")
_FILLERS: Final = frozenset({"region", "oci", "oracle", "cloud", "home", "the"})
_MOST_SUGGESTIONS: Final = 3

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
    """A text that names no region known to the SDK.

    Attributes:
        suggestions: identifiers of the regions that may have been meant, likeliest first, at most three.
    """

    def __init__(self, text: str, suggestions: Sequence[str]) -> None:
        self.suggestions: tuple[str, ...] = tuple(suggestions)
        # A whole key pasted into this field must not come back in an error.
        subject = text if _ECHOABLE.fullmatch(text) else "This"
        super().__init__(f"{subject} is no OCI region; {_way_out(self.suggestions)}")


def canonical_region(text: str) -> str:
    """Return the identifier of the region that a text names, such as `us-ashburn-1`.

    White space around it and upper case are forgiven, short codes (`iad`) translated. There is no fall-back
    to another realm or host (the SDK alone would send an unknown region's requests to realm OC1).

    Raises:
        UnknownRegionError: the SDK does not know it; the message suggests the nearest names.
    """
    wanted = text.strip().lower()
    if len(wanted) < 64 and _IDENTIFIER.fullmatch(wanted):  # noqa: PLR2004 - the longest label of a host name
        sdk = _sdk_regions(wanted)
        identifier = str(sdk.REGIONS_SHORT_NAMES.get(wanted, wanted))
        if identifier in sdk.REGION_REALMS and _IDENTIFIER.fullmatch(identifier):
            return identifier
    raise UnknownRegionError(text.strip(), _suggestions(wanted, _sdk_regions(wanted).REGIONS))


def realm_of(region: str) -> str:
    """Return the key of the realm of a region, such as `oc1`.

    Raises:
        UnknownRegionError: the SDK does not know the region.
    """
    identifier = canonical_region(region)
    return str(_sdk_regions(identifier).REGION_REALMS[identifier])


def shipped_domain(region: str) -> str | None:
    """Return the domain of a region's endpoints, such as `oraclecloud.com`; None for a realm that is not Oracle's own.

    It is read from the SDK's package, not from its memory: `OCI_REGION_METADATA`, `OCI_DEFAULT_REALM`,
    `~/.oci/regions-config.json` and a developer tool configuration can put any domain there, for any region. A region
    that is declared in a realm which the SDK ships has that realm's domain.

    Raises:
        UnknownRegionError: the SDK does not know the region.
    """
    shipped = _shipped_regions()
    domain = shipped.REALMS.get(shipped.REGION_REALMS.get(region) or realm_of(region))
    return None if domain is None else str(domain)


@cache
def _shipped_regions() -> ModuleType:
    """Return the SDK's tables as they are in its package, in a module that nothing else holds."""
    spec = importlib.util.find_spec("oci.regions_definitions")
    if spec is None or spec.loader is None:
        raise ImportError("the OCI SDK has no table of regions")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def region_label(region: str) -> str:
    """Return a region's identifier with the console's name for it, `us-ashburn-1 (US East (Ashburn))`."""
    name = DISPLAY_NAMES.get(region)
    return f"{region} ({name})" if name else region


def _sdk_regions(wanted: str) -> Any:
    """Return the SDK's module of regions, which has read the machine's declarations where `wanted` is not known."""
    from oci import regions as sdk  # noqa: PLC0415 - importing the plugin must not import the SDK

    if wanted not in sdk.REGION_REALMS and wanted not in sdk.REGIONS_SHORT_NAMES:
        # A malformed declaration makes the SDK stumble once; what it knows by itself stays usable.
        with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError):
            sdk.is_region(_NO_REGION)
    return sdk


def _way_out(suggestions: Sequence[str]) -> str:
    if not suggestions:
        return (
            "take the region identifier, for example us-ashburn-1, from the OCI console: "
            "region menu (top right) > Manage regions."
        )
    *others, last = (region_label(region) for region in suggestions)
    return f"did you mean {', '.join(others)} or {last}?" if others else f"did you mean {last}?"


def _suggestions(text: str, known: Iterable[str]) -> list[str]:
    """Return the known regions that a text may mean: named in it, sharing its words, or spelt alike."""
    regions = list(dict.fromkeys(known))
    plain = _plain(text[:100])[:100]
    joined = re.sub(r"[\s_]+", "-", plain)
    named = [region for region in regions if _names(plain, region) or _names(joined, region)]
    if named:
        return named[:_MOST_SUGGESTIONS]
    words = _words(plain) - _FILLERS
    alike = [
        region for region in regions if words and words <= _words(f"{region} {DISPLAY_NAMES.get(region, '')}")
    ]
    if alike:
        return alike[:_MOST_SUGGESTIONS]
    spelt = {region: region for region in regions}
    spelt |= {region.split("-", 1)[-1].rsplit("-", 1)[0]: region for region in reversed(regions)}
    spelt |= {name.lower(): region for region, name in DISPLAY_NAMES.items() if region in regions}
    near = difflib.get_close_matches(plain, spelt, n=_MOST_SUGGESTIONS, cutoff=0.65)
    return list(dict.fromkeys(spelt[match] for match in near))


def _names(plain: str, region: str) -> bool:
    """Tell whether a text holds a region's identifier, bar its number perhaps, or is its name in the console."""
    lacks_number = "-" in plain and region.startswith(f"{plain}-")
    return region in plain or lacks_number or plain == DISPLAY_NAMES.get(region, region).lower()


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z]+", text.lower()))


def _plain(text: str) -> str:
    """Return a text in lower case without accents, so that "São Paulo" is found."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(char for char in decomposed if not unicodedata.combining(char)).lower()
