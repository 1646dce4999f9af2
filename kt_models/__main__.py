"""The command line: fit, evaluate, simulate and bench learner models. `python -m kt_models COMMAND --help`.

Stable: options and JSON keys are added, not renamed. What the caller can mend is one line on stderr, the first, and

    exit status 2     in the arguments, files or settings
    exit status 3     --checkpoint is of another fit, or spoiled: remove it to fit from the start

With --json-log it also is the last record there, {"event": "failed", "status": ..., "message": ...}, for the parent of
processes whose own status it does not see: torchrun exits 1 whatever theirs is.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import inspect
import json
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from kt_models import artifact, data, kinds, prior_edges
from kt_models.artifact import BadArtifact
from kt_models.data import BadDataset, Dataset, Vocabulary
from kt_models.kinds import BadCheckpoint, FitFailed, Kind, UnknownKind
from kt_models.prior_edges import BadEdges
from kt_models.records import BadLog, Bar, Log, tell_failure
from kt_models.settings import BadSetting, parse_settings


class BadArguments(ValueError):
    """Arguments that the command cannot work with."""


#: What a caller can mend; anything else is our fault and shows its traceback.
_MENDABLE: Final = (BadArguments, BadArtifact, BadDataset, BadEdges, BadLog, BadSetting, FitFailed, UnknownKind)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    try:
        arguments.command(arguments)
    except _MENDABLE as error:
        message = " ".join(str(error).split())
        print(f"kt_models: {message}", file=sys.stderr)
        status = 3 if isinstance(error, BadCheckpoint) else 2
        tell_failure(getattr(arguments, "json_log", None), status, message)
        return status
    return 0


def fit(arguments: argparse.Namespace) -> None:
    """Fits a model and writes its artifact."""
    started = time.monotonic()
    kind = kinds.resolve(arguments.model)
    config = parse_settings(kind.Config, arguments.set)
    artifact.check_vacant(arguments.out)
    _check_device(arguments.device)
    training, validation = _parts(arguments)
    more = _more(kind, arguments, training.concepts)
    resumed = bool(arguments.checkpoint and arguments.checkpoint.exists())
    first = _alone() or os.environ["RANK"] == "0"
    # The log is begun before the others are met, and so before any of them fails and tells of it there.
    with Log(arguments.json_log if first else None, resumed) as log, _processes(arguments.device):
        log.write(
            "start", kind=arguments.model, seed=arguments.seed, config=dataclasses.asdict(config), **_size(training)
        )
        with Bar(arguments.model) as bar:

            def progress(record: dict[str, float]) -> None:
                log.write("step", **record)
                bar.move(record)

            fitted = kind.fit(
                training, config, seed=arguments.seed, device=_device(arguments.device), validation=validation,
                progress=progress, **more,
            )  # fmt: skip
        taken = time.monotonic() - started
        if first:
            fitted.model.save(arguments.out)
            if arguments.checkpoint:
                arguments.checkpoint.unlink(missing_ok=True)
            log.write("saved", folder=str(arguments.out), checksum=artifact.checksum(arguments.out), seconds=taken)
            size = f"{training.n_answers:,} answers of {training.n_learners:,} learners"
            print(f"{arguments.model}: fitted on {size} in {taken:.1f} s, written to {arguments.out}")


def _more(kind: Kind, arguments: argparse.Namespace, concepts: Vocabulary) -> dict[str, Any]:
    """What only some fits are given."""
    more: dict[str, Any] = {}
    if arguments.warm_start:
        more["warm_start"] = artifact.load_model(arguments.warm_start)
        if more["warm_start"].kind != arguments.model:
            raise BadArguments(
                f"--warm-start {arguments.warm_start}: holds a {more['warm_start'].kind} model, the fit is of a "
                f"{arguments.model} one: give one of the same kind"
            )
    if arguments.checkpoint:
        if "checkpoint" not in inspect.signature(kind.fit).parameters:
            raise BadArguments(f"--checkpoint: fits of {arguments.model} take seconds and keep none: leave it out")
        more["checkpoint"] = arguments.checkpoint
    if arguments.edges:
        if "prior_edges" not in inspect.signature(kind.fit).parameters:
            raise BadArguments(f"--edges: {arguments.model} learns no graph of prerequisites: leave it out")
        more["prior_edges"] = prior_edges.read(arguments.edges).encode(concepts)
    return more


def _device(device: str) -> str:
    """Of this process: each that torchrun has begun takes a GPU of its own."""
    return f"cuda:{os.environ['LOCAL_RANK']}" if device == "cuda" and "LOCAL_RANK" in os.environ else device


def _alone() -> bool:
    return int(os.environ.get("WORLD_SIZE", "1")) < 2


@contextlib.contextmanager
def _processes(device: str) -> Iterator[None]:
    """Joins the processes that torchrun has begun, if it has."""
    if _alone():
        yield
        return
    import torch

    if device != "cpu":
        torch.cuda.set_device(_device(device))
    torch.distributed.init_process_group("gloo" if device == "cpu" else "cpu:gloo,cuda:nccl")
    try:
        yield
        # Nobody leaves while another still sends.
        torch.distributed.barrier()
    finally:
        torch.distributed.destroy_process_group()


def evaluate(arguments: argparse.Namespace) -> None:
    """Evaluates an artifact on a data set and prints a report."""
    from kt_models import evaluate, report

    model = artifact.load_model(arguments.artifact)
    vocabularies = {name: getattr(model, name, None) for name in ("concepts", "items")}
    answers = _read(arguments, **vocabularies)
    if arguments.held_out is not None:
        answers = _held_out(answers, arguments.held_out, arguments.seed)
    if arguments.learners and arguments.learners < answers.n_learners:
        share = arguments.learners / answers.n_learners
        answers, _ = answers.split_learners((share, 1 - share), arguments.seed)
    with Bar(arguments.protocol) as bar:
        try:
            result = evaluate.evaluate(
                model,
                answers,
                protocol=arguments.protocol,
                given=arguments.given,
                horizon=arguments.horizon,
                seed=arguments.seed,
                progress=lambda done, total: bar.move({"step": done, "steps": total}),
            )
        except evaluate.NothingToEvaluate as error:
            raise BadArguments(str(error)) from error
    print(json.dumps(result.to_json()) if arguments.json else report.text(result))


def simulate(arguments: argparse.Namespace) -> None:
    """Writes the answers of simulated learners."""
    from kt_models import synthetic

    nature = parse_settings(synthetic.Nature, arguments.set)
    names = {field.name for field in dataclasses.fields(synthetic.Scenario)} - {"nature"}
    try:
        scenario = synthetic.Scenario(nature=nature, **{name: getattr(arguments, name) for name in names})
    except ValueError as error:
        raise BadArguments(str(error)) from error
    simulation = synthetic.simulate(scenario, seed=arguments.seed)
    try:
        data.write(simulation.data, arguments.out)
    except OSError as error:
        raise BadArguments(f"{arguments.out}: cannot be written ({error.strerror}): name another file") from error
    print(
        f"{simulation.data.n_answers:,} answers of {simulation.data.n_learners:,} learners written to {arguments.out}"
    )


def bench(arguments: argparse.Namespace) -> None:
    """Prints times of a model's operations, one JSON object a line."""
    from kt_models import bench, synthetic

    if arguments.artifact:
        model = artifact.load_model(arguments.artifact)
    else:
        kind = kinds.resolve(arguments.model)
        small = synthetic.simulate(synthetic.Scenario(learners=100, concepts=100, items_per_concept=10), seed=0)
        model = kind.fit(small.data, parse_settings(kind.Config, arguments.set), seed=0, device=arguments.device).model
    for record in bench.measure(model, arguments.batch):
        print(json.dumps(record), flush=True)


def _read(arguments: argparse.Namespace, **vocabularies: Any) -> Dataset:
    return data.read(arguments.data, where=_conditions("--where", arguments.where), **vocabularies)


def _conditions(option: str, given: Sequence[str]) -> dict[str, tuple[str, ...]]:
    where: dict[str, tuple[str, ...]] = {}
    for condition in given:
        column, equals, values = condition.partition("=")
        if not equals:
            raise BadArguments(f"{option} {condition}: must be column=value or column=value,value")
        where[column] = tuple(values.split(","))
    return where


def _parts(arguments: argparse.Namespace) -> tuple[Dataset, Dataset | None]:
    """Learners to fit on, and those to choose on: a share of them, those with the rows named, or nobody."""
    answers, named = _earlier(_read(arguments, **_positions(arguments)), arguments.before), arguments.validation_where
    if not named:
        return _split(answers, arguments.validation, arguments.seed)
    if arguments.validation:
        raise BadArguments("--validation and --validation-where: give one of them")
    where = _conditions("--where", arguments.where) | _conditions("--validation-where", named)
    aside = np.isin(answers.learner_ids, data.read(arguments.data, where=where).learner_ids)
    training, validation = (answers.take(np.flatnonzero(rows)) for rows in (~aside, aside))
    if not training.n_learners:
        raise BadArguments(f"--validation-where {' '.join(named)}: is every learner: leave some to fit on")
    return training, validation


def _positions(arguments: argparse.Namespace) -> dict[str, Vocabulary]:
    """Vocabularies whose ids are 0, 1, ..., for each number given."""
    given = {"concepts": arguments.concepts, "items": arguments.items}
    return {name: Vocabulary(np.arange(n)) for name, n in given.items() if n is not None}


def _earlier(answers: Dataset, seconds: float | None) -> Dataset:
    """Raises:
    BadArguments: if an id is no position, or nothing is left.
    """
    if answers.interactions.concepts.flat.max(initial=-1) >= answers.concepts.size:
        raise BadArguments(
            f"--concepts {answers.concepts.size}: the data name others: give ids from 0 and their number"
        )
    if answers.interactions.item.max(initial=-1) >= answers.items.size:
        raise BadArguments(f"--items {answers.items.size}: the data name others: give ids from 0 and their number")
    if seconds is None:
        return answers
    if not answers.has_time:
        raise BadArguments(f"--before {seconds}: the data have no times: leave it out")
    earlier = answers.before(seconds)
    if not earlier.n_learners:
        raise BadArguments(f"--before {seconds}: no answer is earlier: give a later time")
    return earlier


def _split(answers: Dataset, share: float, seed: int) -> tuple[Dataset, Dataset | None]:
    if not 0 <= share < 1:
        raise BadArguments(f"a share of learners held out of {share}: must be at least 0 and below 1")
    training, validation = answers.split_learners((1 - share, share), seed)
    if training.n_learners == 0:
        raise BadArguments(f"a share held out of {share} leaves none of {answers.n_learners} learners: give less")
    return training, validation if validation.n_learners else None


def _held_out(answers: Dataset, share: float, seed: int) -> Dataset:
    """The learners that `fit --validation SHARE` with the same data and seed did not train on."""
    part = _split(answers, share, seed)[1]
    if part is None:
        raise BadArguments(f"--held-out {share}: is no learner of {answers.n_learners}: give more")
    return part


def _check_device(device: str) -> None:
    if not re.fullmatch(r"cpu|cuda(:\d+)?", device):
        raise BadArguments(f"--device {device}: must be cpu, cuda or cuda:N")
    if device != "cpu":
        import torch

        if not torch.cuda.is_available():
            raise BadArguments(f"--device {device}: no CUDA device is available here: give cpu")


def _size(answers: Dataset) -> dict[str, int]:
    return {"answers": answers.n_answers, "learners": answers.n_learners}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m kt_models", description="Learner models.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_fit(commands)
    _add_evaluate(commands)
    _add_simulate(commands)
    _add_bench(commands)
    return parser


def _add_fit(commands: Any) -> None:
    command = commands.add_parser("fit", help="fit a model and write its artifact")
    command.set_defaults(command=fit)
    command.add_argument("--model", required=True, metavar="NAME", help=f"one of {', '.join(kinds.KINDS)}")
    command.add_argument("--out", required=True, type=Path, metavar="DIR", help="empty or absent folder")
    command.add_argument("--validation", type=float, default=0.0, metavar="SHARE", help="of learners held out, 0 to 1")
    command.add_argument(
        "--validation-where", action="append", default=[], metavar="COLUMN=VALUE[,VALUE]",
        help="learners with such rows are held out",
    )  # fmt: skip
    command.add_argument("--json-log", type=Path, metavar="FILE", help="writes one JSON object a step")
    command.add_argument("--warm-start", type=Path, metavar="DIR", help="artifact of the same kind to start from")
    command.add_argument(
        "--edges",
        type=Path,
        metavar="FILE",
        help="JSON of what is known of prerequisites, for kinds that learn them",
    )
    command.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="kept until the model is written; goes on from it if there"
    )
    command.add_argument("--before", type=float, metavar="SECONDS", help="fit on answers earlier than this time")
    for name in ("concepts", "items"):
        command.add_argument(f"--{name}", type=int, metavar="N", help=f"{name} are positions 0 to N - 1, used or not")
    _add_data(command)
    _add_model_options(command)


def _add_evaluate(commands: Any) -> None:
    command = commands.add_parser("evaluate", help="evaluate an artifact on a data set")
    command.set_defaults(command=evaluate)
    command.add_argument("--artifact", required=True, type=Path, metavar="DIR")
    command.add_argument("--protocol", choices=("next", "horizon"), default="next")
    command.add_argument("--given", type=int, default=10, help="answers given before the horizon")
    command.add_argument("--horizon", type=int, default=10, help="answers predicted without seeing them")
    command.add_argument(
        "--held-out", type=float, metavar="SHARE", help="only learners that fit --validation SHARE left out, same seed"
    )
    command.add_argument("--learners", type=int, metavar="N", help="evaluate on about N learners drawn by the seed")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    _add_data(command)


def _add_simulate(commands: Any) -> None:
    command = commands.add_parser("simulate", help="write answers of simulated learners")
    command.set_defaults(command=simulate)
    command.add_argument("--out", required=True, type=Path, metavar="FILE", help="Parquet, or CSV if it ends in .csv")
    for name, kind, default in (
        ("learners", int, 200),
        ("concepts", int, 20),
        ("items-per-concept", int, 8),
        ("days", float, 30.0),
        ("sessions-per-day", float, 0.4),
        ("answers-per-session", float, 12.0),
        ("parents-per-concept", float, 1.2),
        ("two-concept-share", float, 0.0),
    ):
        command.add_argument(f"--{name}", type=kind, default=default)
    command.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="of kt_models.synthetic.Nature"
    )
    command.add_argument("--seed", type=int, default=0)


def _add_bench(commands: Any) -> None:
    command = commands.add_parser("bench", help="time a model's operations")
    command.set_defaults(command=bench)
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument("--model", metavar="NAME", help="fitted on a small simulated data set")
    source.add_argument("--artifact", type=Path, metavar="DIR")
    command.add_argument("--batch", type=int, nargs="+", default=[1, 16, 256, 4096])
    _add_model_options(command)


def _add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", required=True, type=Path, metavar="FILE", help="Parquet or CSV of answers")
    command.add_argument("--where", action="append", default=[], metavar="COLUMN=VALUE[,VALUE]", help="keep these rows")
    command.add_argument("--seed", type=int, default=0)


def _add_model_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    command.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a field of the model's Config"
    )


if __name__ == "__main__":
    sys.exit(main())
