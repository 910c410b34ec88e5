"""Many syntheses: each once, from the cache or by Yosys, as many at a time as there are cores."""

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from sys import executable
from threading import Event

from pydantic import ValidationError

from hwsubnet import tools
from hwsubnet.artifacts import digest, scratch_folder, write_text
from hwsubnet.errors import ToolError
from hwsubnet.progress import progress
from hwsubnet.synth import worker
from hwsubnet.synth.cache import Cache
from hwsubnet.synth.jobs import Job
from hwsubnet.synth.timing import DELAYS, Family

RULES = 3
"""Counts up when the same input would give another result, so that old ones are not used."""

_POLL_SECONDS = 0.5
_LOGS = "logs"


@dataclass(frozen=True)
class Limits:
    """What syntheses may use.

    Parameters
    ----------
    jobs
        How many run at a time; ``None``: one for each core.
    timeout
        Seconds for each.
    memory_gb
        Address space of each, in 10^9 bytes.
    """

    jobs: int | None = None
    timeout: float = 3600.0
    memory_gb: float = 12.0


@dataclass(frozen=True)
class Crew:
    """Yosys for one kind of part.

    Parameters
    ----------
    cache
        Of results.
    family
        As ``synth_xilinx`` calls it.
    ultraram
        Whether the part has UltraRAM.
    yosys
        Version.
    limits
        What each synthesis may use.
    """

    cache: Cache
    family: Family
    ultraram: bool
    yosys: str
    limits: Limits

    def run(self, jobs: Sequence[Job]) -> dict[str, worker.Result]:
        """Return the results by the jobs' content.

        Raises
        ------
        ToolError
            If one fails; those that were done by then stay in the cache.
        """
        distinct = {job.content: job for job in jobs}
        found = {key: self.known(job) for key, job in distinct.items()}
        results = {key: result for key, result in found.items() if result is not None}
        # The longest first, so that none is left alone at the end.
        missing = sorted(
            (job for key, job in distinct.items() if key not in results),
            key=lambda job: job.size,
            reverse=True,
        )
        if missing:
            results |= self._synthesize(missing)
        return results

    def known(self, job: Job) -> worker.Result | None:
        """Return what the cache has of a job."""
        return self.cache.get(self._key(job))

    def _synthesize(self, jobs: Sequence[Job]) -> dict[str, worker.Result]:
        stop = Event()
        results: dict[str, worker.Result] = {}
        with ThreadPoolExecutor(self.limits.jobs or tools.cores()) as pool, progress() as display:
            bar = display.add_task("synthesizing", total=len(jobs))
            running = {pool.submit(self._one, job, stop): job for job in jobs}
            waiting: set[Future[worker.Result]] = set(running)
            try:
                while waiting:
                    done, waiting = wait(waiting, _POLL_SECONDS, FIRST_COMPLETED)
                    for future in done:
                        results[running[future].content] = future.result()
                        display.advance(bar)
            finally:  # after an error or an interrupt, no Yosys is left running
                stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
                display.remove_task(bar)
        return results

    def _one(self, job: Job, stop: Event) -> worker.Result:
        """Synthesize one job and keep the result."""
        request = worker.Request(
            top=job.top,
            family=self.family,
            ultraram=self.ultraram,
            memory_gb=self.limits.memory_gb,
        )
        key = self._key(job)
        log = self.cache.folder.resolve() / _LOGS / f"{key[:32]}.log"
        with scratch_folder(self.cache.folder.resolve()) as folder:
            for path, text in (*job.sources.items(), *job.memories.items()):
                write_text(folder / path, text)
            write_text(folder / worker.OPTIONS, _options(job))
            write_text(folder / worker.REQUEST, request.model_dump_json())
            try:
                tools.run(
                    [executable, "-m", "hwsubnet.synth"],
                    log=log,
                    cwd=folder,
                    timeout=self.limits.timeout,
                    stop=stop,
                )
                text = (folder / worker.RESULT).read_text(encoding="utf-8")
                result = worker.Result.model_validate_json(text)
            except ToolError as error:
                if stop.is_set():  # another one failed: that one is told
                    log.unlink(missing_ok=True)
                raise self._explain(job, error, log) from error
            except (OSError, ValidationError) as error:
                raise ToolError(
                    "Yosys ended without a result", where=job.name, fix=f"all it said is in {log}"
                ) from error
        self.cache.put(key, result)
        log.unlink(missing_ok=True)
        return result

    def _key(self, job: Job) -> str:
        request = worker.Request(
            top=job.top, family=self.family, ultraram=self.ultraram, memory_gb=0
        )
        return digest(
            RULES,
            self.yosys,
            worker.FRONT_END,
            worker.commands(request),
            worker.QUEUES.read_bytes(),
            asdict(DELAYS[self.family]),
            job.content,
        )

    def _explain(self, job: Job, error: ToolError, log: Path) -> ToolError:
        """Say which part failed, and tell a lack of memory or time from a fault."""
        said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        fix = f"all it said is in {log}"
        if any(word in said for word in _OUT_OF_MEMORY) or "SIGKILL" in error.what:
            what = f"synthesis ran out of memory ({self.limits.memory_gb:g} GB)"
            fix = f"fold less, or allow more with --memory; {fix}"
        elif "did not end" in error.what:
            what = f"synthesis did not end within {self.limits.timeout:g} s"
            fix = f"fold less, or allow more with --timeout; {fix}"
        else:
            first = next((line for line in said.splitlines() if "ERROR" in line), error.what)
            what = f"synthesis failed: {first.strip()[:200]}"
        return ToolError(what, where=job.name, fix=fix)


_OUT_OF_MEMORY = ("MemoryError", "bad_alloc", "Cannot allocate memory")


def _options(job: Job) -> str:
    """Return the front end's options, as its command files have them."""
    lines = [f"--top {job.top}", " ".join(worker.FRONT_END)]
    lines += [f"--blackboxed-module {name}" for name in worker.INSTANTIATED]
    lines += [f"-G {name}={_escaped(value)}" for name, value in job.parameters.items()]
    lines += [_escaped(path) for path in (*job.sources, worker.BOXES)]
    return "\n".join([*lines, ""])


def _escaped(value: str) -> str:
    return value.replace('"', '\\"').replace(" ", "\\ ")
