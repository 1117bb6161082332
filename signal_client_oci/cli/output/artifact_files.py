"""A file of JSON lines for each instance, so that tenancies stay separate on disk too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from typing_extensions import Self

from signal_client_oci.cli.redirections import refuse_redirection
from signal_client_oci.contract import Artifact
from signal_client_oci.host import JsonLinesSink
from signal_client_oci.host.files.atomic_files import private_directory
from signal_client_oci.host.files.checkpoint_store import file_stem

__all__ = ["ArtifactFiles"]

_PLAIN_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class ArtifactFiles:
    """A sink with a `JsonLinesSink` for each of `instances`, in `directory`; raises what `JsonLinesSink` raises.

    A file has the name of its instance if every file system can distinguish such names, else a name with a digest.
    """

    def __init__(self, directory: Path, instances: Iterable[str]) -> None:
        self._files: dict[str, JsonLinesSink] = {}
        private_directory(directory)
        try:
            for name in instances:
                stem = name if _PLAIN_NAME.fullmatch(name) else file_stem(name)
                path = directory / f"{stem}.jsonl"
                refuse_redirection(path, str(path))
                self._files[name] = JsonLinesSink(path)
        except BaseException:
            self.close()
            raise

    def publish(self, instance: str, artifacts: Sequence[Artifact]) -> None:
        """Append the artifacts to the instance's file, durably."""
        self._files[instance].publish(instance, artifacts)

    def close(self) -> None:
        """Release the files."""
        for file in self._files.values():
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
