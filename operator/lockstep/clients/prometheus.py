"""Asks Prometheus, off the event loop, each question once. What a reply means is said elsewhere.

prometheus-api-client waits for ever and tries again unless it is told otherwise; here it gets
one try, a deadline for every step of it, and an answer no larger than we are willing to hold.
"""

import asyncio
import io
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final
from urllib.parse import urljoin

import requests
from prometheus_api_client.exceptions import PrometheusApiClientException
from prometheus_api_client.prometheus_connect import PrometheusConnect
from urllib3.exceptions import HTTPError, NameResolutionError
from urllib3.exceptions import TimeoutError as SocketTimeoutError
from urllib3.util.retry import Retry

from lockstep.adapters.metrics import prometheus, slim
from lockstep.core.gates.question import Answer, Broken, Question, Reply

TIMEOUT: Final = timedelta(seconds=10)
WORKERS: Final = 8
LARGEST: Final = 2 * 2**20
"""Bytes of an answer with many series; 5,000 of them, by revision, have 0.5 MiB."""
LARGEST_OF_ONE: Final = 256 * 2**10
"""Bytes of an answer that should have one series; the handful that are read fit in."""
ALL_TOGETHER: Final = 32 * 2**20
KEPT_FOR: Final = timedelta(seconds=60)
_KEPT_SERIES: Final = 50_000
"""Series of answers that are kept, each answer counting for one more."""
_CHUNK: Final = 65536
_REFUSAL: Final = 65536
"""Bytes of a refusal that are read: a sentence of it is told."""
_OK: Final = 200
_WORTH_ASKING: Final = 0.1
"""The part of its time that a question must have left when a worker gets to it."""


class _Held:
    """Bytes of all answers that are being read, in whatever thread; no more than ``most``."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._bytes = 0
        self._lock = threading.Lock()

    def take(self, more: int) -> bool:
        """Whether there is room for so many bytes more; they are held only if there is."""
        with self._lock:
            fits = self._bytes + more <= self._most
            self._bytes += more if fits else 0
            return fits

    def give_back(self, size: int) -> None:
        with self._lock:
            self._bytes -= size


class _SmallReply(requests.Response):
    """A reply of which the library sees no more than the question is about."""

    question: Question
    one_at_a_time: threading.Lock

    @classmethod
    def of(cls, response: requests.Response, job: "_Job", lock: threading.Lock) -> "_SmallReply":
        reply = cls()
        vars(reply).update(vars(response))
        reply.question, reply.one_at_a_time = job.question, lock
        return reply

    def json(self, **_: object) -> object:
        """Parsed with nobody else: what hostile replies need meanwhile they never need at once."""
        with self.one_at_a_time:
            return slim.parsed(self.content, self.question)


class _UnusableError(Exception):
    """The reply is not read to its end: ``answer`` says why."""

    def __init__(self, answer: Broken) -> None:
        super().__init__(answer.message)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class _Job:
    """One query on its way, behind ``ahead`` others.

    ``deadline`` is on the monotonic clock, in seconds; ``begun`` is set when a worker takes it.
    """

    address: str
    question: Question
    ahead: int
    deadline: float
    begun: threading.Event

    @property
    def left_seconds(self) -> float:
        return max(self.deadline - time.monotonic(), 0.001)


class PrometheusClient:
    """One for the whole operator. ``asked`` counts the queries that were really put.

    Args:
        address: The operator's own Prometheus, for questions that name none.
        timeout: Longest wait for one answer, that for a free worker included.
        workers: Queries under way at once; a thread each.
        largest: Bytes of an answer that are held in memory, after decompression.
    """

    def __init__(
        self,
        address: str,
        *,
        timeout: timedelta = TIMEOUT,
        workers: int = WORKERS,
        largest: int = LARGEST,
    ) -> None:
        self.asked = 0
        self._address = address
        self._timeout_seconds = timeout.total_seconds()
        self._largest = largest
        self._held = _Held(ALL_TOGETHER)
        self._parsing = threading.Lock()
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="prometheus")
        self._local = threading.local()
        self._sessions: list[requests.Session] = []
        self._under_way: dict[Question, asyncio.Task[Answer]] = {}
        self._answered: OrderedDict[Question, tuple[float, Answer]] = OrderedDict()
        self._kept_series = 0

    async def ask(self, questions: Iterable[Question]) -> Mapping[Question, Answer]:
        """An answer to each question, Broken where there is none; equal ones are put once."""
        wanted = list(dict.fromkeys(questions))
        answers = await asyncio.gather(*(self._answer(question) for question in wanted))
        return dict(zip(wanted, answers, strict=True))

    async def close(self) -> None:
        """Give up what waits and close every connection; takes one timeout at most."""
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)
        for session in self._sessions:
            session.close()

    async def _answer(self, question: Question) -> Answer:
        """Shared by everybody who asks the same now, or did so a moment ago."""
        self._forget()
        if question in self._answered:
            return self._answered[question][1]
        task = self._under_way.get(question)
        if task is None:
            task = asyncio.create_task(self._put(question))
            self._under_way[question] = task
            task.add_done_callback(partial(self._done, question))
        return await asyncio.shield(task)  # a pass that is cut short must not end it for others

    def _done(self, question: Question, task: asyncio.Task[Answer]) -> None:
        del self._under_way[question]
        if not task.cancelled() and task.exception() is None:
            self._answered[question] = (time.monotonic(), task.result())
            self._kept_series += _size(task.result())

    def _forget(self) -> None:
        oldest = time.monotonic() - KEPT_FOR.total_seconds()
        while self._answered:
            question, (since, _) = next(iter(self._answered.items()))
            if since > oldest and self._kept_series <= _KEPT_SERIES:
                return
            self._kept_series -= _size(self._answered.pop(question)[1])

    async def _put(self, question: Question) -> Answer:
        address = (question.address or self._address).rstrip("/")
        if not address:
            return prometheus.no_address()
        deadline = time.monotonic() + self._timeout_seconds
        ahead = len(self._under_way) - 1
        job = _Job(address, question, ahead, deadline, threading.Event())
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await asyncio.get_running_loop().run_in_executor(self._pool, self._run, job)
        except TimeoutError:
            return self._late(job)
        finally:
            self.asked += job.begun.is_set()

    def _run(self, job: _Job) -> Answer:
        """In a worker thread: one query, one try, and none when its time is as good as over."""
        if job.left_seconds < self._timeout_seconds * _WORTH_ASKING:
            return self._late(job)
        job.begun.set()
        self._local.job, self._local.held = job, 0
        try:
            return self._answered_by(job)
        finally:
            self._held.give_back(self._local.held)

    def _answered_by(self, job: _Job) -> Answer:
        try:
            return prometheus.read(self._query(job), job.address)
        except _UnusableError as error:
            return error.answer
        except PrometheusApiClientException as error:
            return prometheus.refused(job.address, str(error))
        except slim.TooManyError:
            return prometheus.too_many(job.question.most)
        except json.JSONDecodeError as error:
            return prometheus.not_json(job.address, error.doc)
        except (KeyError, TypeError, slim.TooDeepError):  # the library indexes what it got unseen
            return prometheus.unknown_shape(job.address)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            return self._failure(job.address, error)

    def _late(self, job: _Job) -> Broken:
        if job.begun.is_set():
            return prometheus.late(job.address, self._timeout_seconds)
        return prometheus.crowded(job.address, self._timeout_seconds, job.ahead)

    def _query(self, job: _Job) -> object:
        left = job.left_seconds
        params = {
            "time": f"{job.question.at.timestamp():.3f}",
            "timeout": f"{left:.3f}",
            "limit": str(job.question.most + 1),  # one more tells that there are too many
        }
        found: object = self._connection(job.address).custom_query(
            job.question.query,
            params=params,
            timeout=left,  # type: ignore[arg-type]  # said to be an int, handed on as it is
        )
        return found

    def _connection(self, address: str) -> PrometheusConnect:
        """A session of this thread's own: they are not made to be shared."""
        known: dict[str, PrometheusConnect] = vars(self._local).setdefault("known", {})
        if address not in known:
            session = requests.Session()
            session.trust_env = False  # neither proxies nor .netrc: what is set is what is asked
            session.hooks["response"] = [self._take]
            self._sessions.append(session)
            known[address] = PrometheusConnect(address, session=session, retry=Retry(0))
        return known[address]

    def _take(
        self, response: requests.Response, *_: object, **__: object
    ) -> requests.Response | None:
        """Read the reply ourselves, before the library reads all of whatever comes."""
        job: _Job = self._local.job
        try:
            body = self._body(job, response)
        except BaseException:
            response.raw.close()
            raise
        response.raw = io.BytesIO(body)
        return _SmallReply.of(response, job, self._parsing)

    def _body(self, job: _Job, response: requests.Response) -> bytes:
        if response.is_redirect:
            target = urljoin(job.address, response.headers["location"])
            raise _UnusableError(prometheus.redirected(job.address, target))
        body = io.BytesIO()
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            self._bounded(job, body.tell() + len(chunk))
            self._hold(job, len(chunk))
            body.write(chunk)
            if response.status_code != _OK and body.tell() >= _REFUSAL:
                response.raw.close()  # there is more, and nobody is told
                break
        return body.getvalue()

    def _bounded(self, job: _Job, size: int) -> None:
        most = self._largest if job.question.many else min(self._largest, LARGEST_OF_ONE)
        if size > most:
            raise _UnusableError(prometheus.too_large(job.address, most))
        if time.monotonic() > job.deadline:
            raise _UnusableError(self._late(job))

    def _hold(self, job: _Job, more: int) -> None:
        if not self._held.take(more):
            raise _UnusableError(prometheus.no_room(job.address, ALL_TOGETHER))
        self._local.held += more

    def _failure(self, address: str, error: BaseException) -> Broken:
        """What lies at the bottom of an error that libraries have wrapped three times."""
        causes = list(_causes(error))
        if any(isinstance(cause, NameResolutionError) for cause in causes):
            return prometheus.unresolved(address)
        if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
            return prometheus.nobody_listens(address)
        if any(isinstance(cause, SocketTimeoutError | TimeoutError) for cause in causes):
            return prometheus.late(address, self._timeout_seconds)
        return prometheus.disconnected(address, str(causes[-1]) or type(causes[-1]).__name__)


def _size(answer: Answer) -> int:
    return 1 + (len(answer.series) if isinstance(answer, Reply) else 0)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it wraps, outermost first; urllib3 hides some causes among arguments."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        inner = [one for one in cause.args if isinstance(one, BaseException)]
        cause = cause.__cause__ or next(iter(inner), None) or cause.__context__
