"""The delivery rule of the contract: publish a batch durably, store its checkpoint, only then ask for the next.

A checkpoint that could not be stored after its batch was published is kept in memory, because it is true. It is
stored before anything else is read; while that fails, nothing is read and so nothing is delivered again and again.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from signal_client_oci.errors.quantities import counted
from signal_client_oci.host.files.file_safety import StateError
from signal_client_oci.host.files.system_errors import way_out

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from signal_client_oci.contract import Artifact, Checkpoint
    from signal_client_oci.host.storage import CheckpointStore, Sink

__all__ = ["Deliverer", "DeliveryError"]

_COME_AGAIN: Final = (
    "the artifacts delivered with this checkpoint come again, with the same ids, if it cannot be stored before this "
    "process ends"
)


class DeliveryError(OSError):
    """Artifacts or a checkpoint could not be stored; one line: the file, why, the way out, and what comes again.

    `__cause__` is the error of the sink or the store.
    """


class Deliverer:
    """Hands the items of polls to a sink and their checkpoints to a store; safe with one thread per instance.

    Each method raises `DeliveryError` for what cannot be read or written, and `StateError` for a file that is not, or
    not any more, this user's own.
    """

    def __init__(self, checkpoints: CheckpointStore, sink: Sink) -> None:
        self._checkpoints = checkpoints
        self._sink = sink
        self._unsaved: dict[str, Checkpoint] = {}

    def checkpoint(self, instance: str) -> Any:
        """Return what the next poll resumes from, None at first."""
        if instance in self._unsaved:
            self.save(instance, self._unsaved[instance], has_artifacts=True)
        with _explained("the next poll tries again, and nothing was read before"):
            return self._checkpoints.load(instance)

    def publish(self, instance: str, artifacts: Sequence[Artifact]) -> None:
        """Deliver the artifacts of a batch."""
        count = counted(len(artifacts), "artifact")
        with _explained(f"this batch of {count} comes again with the next poll, with the same ids"):
            self._sink.publish(instance, artifacts)

    def save(self, instance: str, checkpoint: Checkpoint, *, has_artifacts: bool) -> None:
        """Store the checkpoint of a batch or report; `has_artifacts` says whether any come again without it."""
        self._unsaved[instance] = checkpoint
        with _explained(_COME_AGAIN if has_artifacts else "a little is read again, and nothing comes twice"):
            self._checkpoints.save(instance, checkpoint)
        del self._unsaved[instance]


@contextmanager
def _explained(again: str) -> Iterator[None]:
    try:
        yield
    except StateError as error:
        raise StateError(f"{error}. Nothing is lost: {again}") from error
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        where = f"{error.filename}: " if error.filename else ""
        raise DeliveryError(f"{where}{reason}; {way_out(error)}. Nothing is lost: {again}") from error
