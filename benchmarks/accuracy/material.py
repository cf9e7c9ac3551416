"""Texts, stores and importance tables of a model, made once and kept in a work folder."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.accuracy.cases import COMPARED_BITS, SEQUENCE_LENGTH
from plan_contracts import ImportanceTable
from shard_builder.calibration import calibrate
from shard_builder.checkpoint import read_checkpoint
from shard_builder.example_model import SENTIMENT_FOLDER, sentiment_checkpoint
from shard_builder.importance import Profile, ProfileRequest, profile_importance
from shard_builder.store_writer import BITWIDTHS, StoreOptions, build_store
from shard_builder.task_file import Task, joined, read_task
from shard_runtime.files import write_atomically
from shard_runtime.store import ShardStore

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from benchmarks.accuracy.cases import Scale
    from shard_builder.checkpoint import Checkpoint
    from shard_builder.quantize import QuantiserName
    from shard_builder.task_file import Text

OURS: QuantiserName = "compensated"
OTHERS: tuple[QuantiserName, ...] = ("gobo-layer", "gobo", "kmeans")
LEAST_WORDS = 10
"""Training texts of a task may be short phrases; those that are used are like whole sentences."""
SEED = 0


@dataclass(frozen=True, kw_only=True)
class Material:
    """What a model is measured with; `data` is the folder of its task: train.tsv and dev.tsv."""

    checkpoint: Path
    data: Path
    work: Path
    scale: Scale

    @cached_property
    def _drawn(self) -> tuple[Text, ...]:
        """Training texts in an order of chance."""
        texts = read_task(self.data / "train.tsv", ()).texts
        long = [text for text in texts if len(joined(text).split()) >= LEAST_WORDS]
        order: list[int] = np.random.default_rng(SEED).permutation(len(long)).tolist()
        return tuple(long[index] for index in order)

    @property
    def calibration(self) -> tuple[Text, ...]:
        """What quantisers see."""
        return self._drawn[: self.scale.calibration]

    @property
    def profiled(self) -> tuple[Text, ...]:
        """What importance tables see: texts that no quantiser has rounded for."""
        return self._others[: self.scale.profile]

    @property
    def choice(self) -> Task:
        """What plans are chosen by: texts that no table has seen, without labels."""
        return Task(texts=self._unseen[: self.scale.choice])

    @property
    def predicted(self) -> Task:
        """What predictions are held against: texts that no table has seen, without labels."""
        return Task(texts=self._unseen[: self.scale.predicted])

    @property
    def _others(self) -> tuple[Text, ...]:
        return self._drawn[self.scale.calibration :]

    @property
    def _unseen(self) -> tuple[Text, ...]:
        return self._others[self.scale.profile :]

    def judged(self, store: ShardStore) -> Task:
        """What plans are judged by: texts that nothing else has seen."""
        task = read_task(self.data / "dev.tsv", store.architecture.labels)
        count = self.scale.judged
        return Task(texts=task.texts[:count], labels=task.labels[:count])

    @property
    def answers(self) -> Path:
        """The folder where answers are kept."""
        return self.work / "answers"

    def store(self, quantiser: QuantiserName) -> Path:
        """The store by this quantiser: at all bitwidths by ours, at the compared ones by others."""
        folder = self.work / f"{self._name}-{quantiser}"
        if not folder.exists():
            self.work.mkdir(parents=True, exist_ok=True)
            checkpoint = self._read_checkpoint()
            ours = quantiser == OURS
            options = StoreOptions(
                bitwidths=BITWIDTHS if ours else COMPARED_BITS,
                quantiser=quantiser,
                calibration=calibrate(checkpoint, self._calibration_file()) if ours else None,
            )
            build_store(checkpoint, folder, options=options)
        return folder

    def profile(self) -> Profile:
        """The importance table of our store, and how far halves of its texts agree on it."""
        store = ShardStore.open(self.store(OURS))
        name = f"{self._name}-{_digest(self.profiled)}"
        file, halves = (self.work / f"{name}-{what}.json" for what in ("table", "halves"))
        if not halves.exists() or ImportanceTable.from_file(file).model_digest != store.digest:
            request = ProfileRequest(
                store=store.folder,
                sentences=tuple(map(joined, self.profiled)),
                sequence_length=SEQUENCE_LENGTH,
                text=f"{self.data.name}/train.tsv",
                date=dt.datetime.now(dt.UTC).date(),
                task=self.data.name,
            )
            profile = profile_importance(request, log_path=self.work / f"{name}-log.jsonl")
            write_atomically(file, profile.table.to_json())
            write_atomically(halves, json.dumps(profile.split_half))
        return Profile(ImportanceTable.from_file(file), json.loads(halves.read_text()))

    @cached_property
    def _name(self) -> str:
        """Names the weights and the texts that stores are made from."""
        weights = b"".join(
            file.read_bytes() for file in sorted(self.checkpoint.glob("*.safetensors"))
        )
        return f"{self.checkpoint.name}-{_digest(self.calibration, weights)}"

    def _read_checkpoint(self) -> Checkpoint:
        """The folder's; what ships of the example model needs the package with its embeddings."""
        if self.checkpoint == SENTIMENT_FOLDER:
            return sentiment_checkpoint()
        return read_checkpoint(self.checkpoint)

    def _calibration_file(self) -> Path:
        file = self.work / f"{self._name}-texts.tsv"
        rows = ["\t".join([text] if isinstance(text, str) else text) for text in self.calibration]
        columns = len(rows[0].split("\t"))
        header = "\t".join(f"sentence{place}" for place in range(columns))
        write_atomically(file, "\n".join([header, *rows]) + "\n")
        return file


def _digest(texts: Iterable[Text], weights: bytes = b"") -> str:
    digest = hashlib.sha256("\n".join(map(joined, texts)).encode() + weights)
    return digest.hexdigest()[:12]
