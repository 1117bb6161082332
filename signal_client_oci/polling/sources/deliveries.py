"""Makes deliveries of a page's records: the hot path of the two windowed sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from signal_client_oci.artifacts.envelope import Origin, unmapped
from signal_client_oci.artifacts.secrets.harmless_texts import HarmlessTexts
from signal_client_oci.contract import Artifact
from signal_client_oci.polling.paging import Turns
from signal_client_oci.polling.windows.windowed_api import WindowedApi, WindowedRecord
from signal_client_oci.state.changes import Delivery, RecordsKey
from signal_client_oci.state.seen_records import digest_of
from signal_client_oci.state.stream_state import StreamKey, compartment_key

__all__ = ["RecordMapper"]


class RecordMapper:
    """Maps what was not delivered before, in its order.

    Attributes:
        counts: What became of the others.
    """

    def __init__(self, api: WindowedApi) -> None:
        self.counts: Counter[str] = Counter()
        self._api = api

    def deliveries(  # noqa: PLR0913  (where the page comes from)
        self,
        texts: Sequence[bytes],
        stream: StreamKey,
        end: int,
        tags: Mapping[str, bytes],
        origin: Origin,
        add: Callable[[bytes], bool],
        delivered_before: Mapping[str, int],
    ) -> Iterator[Delivery]:
        """Yield at least one delivery for each turn; the first of `tags` is for records that name none of them.

        Args:
            texts: The page's records.
            stream: The source and region that they are of.
            end: The minute before which all of them lie.
            tags: Compartment OCID → tag of the compartments that were asked for. Only these decide how long a record
                can come again, whichever compartment it names.
            origin: What the artifacts have in common.
            add: Remembers a digest; False if it was known.
            delivered_before: Compartment key → minute before which its records were delivered by other requests.
        """
        own_tag = next(iter(tags.values()))
        turns, harmless = Turns(texts), HarmlessTexts(are_masked=origin.redact)
        while turns.has_more:
            is_empty = True
            read = self._new(turns.next_turn(), origin, harmless, tags, add, delivered_before)
            for tag, artifacts, digests in read:
                is_empty = False
                yield Delivery(artifacts, digests, RecordsKey(stream, tag, end))
            if is_empty:
                yield Delivery([], [], RecordsKey(stream, own_tag, end))

    def _new(  # noqa: PLR0913  (what is the same for the whole page)
        self,
        blocks: Iterable[Sequence[bytes]],
        origin: Origin,
        harmless: HarmlessTexts,
        tags: Mapping[str, bytes],
        add: Callable[[bytes], bool],
        delivered_before: Mapping[str, int],
    ) -> Iterator[tuple[bytes, list[Artifact], list[bytes]]]:
        """Yield what this source has to deliver, records in a row that have their tag in common together."""
        read, is_excluded, counts = self._api.read, self._api.is_excluded, self.counts
        own_tag = tag = next(iter(tags.values()))
        artifacts: list[Artifact] = []
        digests: list[bytes] = []
        for block in blocks:
            for text in block:
                record = read(text, origin)
                if is_excluded(record):
                    counts["left_to_audit"] += 1
                    continue
                digest = digest_of(record.id)
                if (delivered_before and _was_delivered(record, delivered_before)) or not add(digest):
                    counts["duplicates"] += 1
                    continue
                named = tags.get(record.compartment or "", own_tag)
                if named != tag:
                    if digests:
                        yield tag, artifacts, digests
                    tag, artifacts, digests = named, [], []
                artifacts.append(self._artifact(record, harmless=harmless.has(block)))
                digests.append(digest)
        if digests:
            yield tag, artifacts, digests

    def _artifact(self, record: WindowedRecord, *, harmless: bool) -> Artifact:
        try:
            mapped = record.to_artifact(harmless=harmless)
        except Exception as error:  # noqa: BLE001  (told with the record, which must not stop those behind it)
            mapped = unmapped(record, self._api.source, error)
        if mapped.redacted:
            self.counts["redacted"] += mapped.redacted
        if mapped.parse_error:
            self.counts["parse_errors"] += 1
        return mapped.artifact


def _was_delivered(record: WindowedRecord, delivered_before: Mapping[str, int]) -> bool:
    """True if other requests delivered the records of its compartment up to then."""
    if record.compartment is None or record.minute is None:
        return False
    return record.minute < delivered_before.get(compartment_key(record.compartment), 0)
