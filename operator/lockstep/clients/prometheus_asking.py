"""One question put to one Prometheus, in a thread; a few threads for each address.

prometheus-api-client waits for ever and tries again unless it is told otherwise; here it gets
one try, a deadline for every step of it, and an answer no larger than we are willing to hold.
"""

import io
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin

import requests
from prometheus_api_client.exceptions import PrometheusApiClientException
from prometheus_api_client.prometheus_connect import PrometheusConnect
from urllib3.exceptions import HTTPError, NameResolutionError
from urllib3.exceptions import TimeoutError as SocketTimeoutError
from urllib3.util.retry import Retry

from lockstep.adapters.metrics import prometheus, slim
from lockstep.core.gates.question import Answer, Broken, Question

LARGEST: Final = 2 * 2**20
"""Bytes of an answer with many series; 5,000 of them, by revision, have 0.5 MiB."""
LARGEST_OF_ONE: Final = 256 * 2**10
"""Bytes of an answer that should have one series; the handful that are read fit in."""
ALL_TOGETHER: Final = 32 * 2**20
_CHUNK: Final = 65536
_REFUSAL: Final = 65536
"""Bytes of a refusal that are read: a sentence of it is told."""
_OK: Final = 200


class Held:
    """Bytes of all answers that are being read, in whatever thread; no more than ``most``.

    Parsing is done by one thread at a time: what hostile replies need for it they never need at
    once.
    """

    def __init__(self, most: int = ALL_TOGETHER) -> None:
        self.most = most
        self.parsing = threading.Lock()
        self._bytes = 0
        self._lock = threading.Lock()

    def take(self, more: int) -> bool:
        """Whether there is room for so many bytes more; they are held only if there is."""
        with self._lock:
            fits = self._bytes + more <= self.most
            self._bytes += more if fits else 0
            return fits

    def give_back(self, size: int) -> None:
        with self._lock:
            self._bytes -= size


class _SmallReply(requests.Response):
    """A reply of which the library sees no more than the question is about."""

    question: Question
    parsing: threading.Lock

    @classmethod
    def of(
        cls, response: requests.Response, question: Question, lock: threading.Lock
    ) -> "_SmallReply":
        reply = cls()
        vars(reply).update(vars(response))
        reply.question, reply.parsing = question, lock
        return reply

    def json(self, **_: object) -> object:
        with self.parsing:
            return slim.parsed(self.content, self.question)


class _UnusableError(Exception):
    """The reply is not read to its end: ``answer`` says why."""

    def __init__(self, answer: Broken) -> None:
        super().__init__(answer.message)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class _Job:
    """One question on its way; ``deadline`` is on the monotonic clock, in seconds."""

    question: Question
    deadline: float

    @property
    def left_seconds(self) -> float:
        return max(self.deadline - time.monotonic(), 0.001)


class Asking:
    """The threads and connections of one address; ``asked`` counts what was really put to it."""

    def __init__(
        self, address: str, threads: int, timeout_seconds: float, largest: int, held: Held
    ) -> None:
        self.asked = 0
        self._address = address
        self._timeout_seconds = timeout_seconds
        self._largest = largest
        self._held = held
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="prometheus")
        self._local = threading.local()
        self._sessions: list[requests.Session] = []

    def put(self, question: Question) -> Future[Answer]:
        """Put it in a thread; that ends by its deadline, or a moment after."""
        self.asked += 1
        return self._pool.submit(self._run, question)

    def close(self) -> None:
        """Wait for what is under way, and close every connection; takes one timeout at most."""
        self._pool.shutdown(cancel_futures=True)
        for session in self._sessions:
            session.close()

    def _run(self, question: Question) -> Answer:
        """One query, one try."""
        job = _Job(question, time.monotonic() + self._timeout_seconds)
        self._local.job, self._local.held = job, 0
        try:
            return self._answered(job)
        finally:
            self._held.give_back(self._local.held)

    def _answered(self, job: _Job) -> Answer:
        try:
            return prometheus.read(self._query(job), self._address)
        except _UnusableError as error:
            return error.answer
        except PrometheusApiClientException as error:
            return prometheus.refused(self._address, str(error))
        except slim.TooManyError:
            return prometheus.too_many(job.question.most)
        except json.JSONDecodeError as error:
            return prometheus.not_json(self._address, error.doc)
        except (KeyError, TypeError, slim.TooDeepError):  # the library indexes what it got unseen
            return prometheus.unknown_shape(self._address)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            return self._failure(error)

    def _late(self) -> Broken:
        return prometheus.late(self._address, self._timeout_seconds)

    def _query(self, job: _Job) -> object:
        left = job.left_seconds
        params = {
            "time": f"{job.question.at.timestamp():.3f}",
            "timeout": f"{left:.3f}",
            "limit": str(job.question.most + 1),  # one more tells that there are too many
        }
        found: object = self._connection().custom_query(
            job.question.query,
            params=params,
            timeout=left,  # type: ignore[arg-type]  # said to be an int, handed on as it is
        )
        return found

    def _connection(self) -> PrometheusConnect:
        """A session of this thread's own: they are not made to be shared."""
        known: PrometheusConnect | None = getattr(self._local, "known", None)
        if known is None:
            session = requests.Session()
            session.trust_env = False  # neither proxies nor .netrc: what is set is what is asked
            session.hooks["response"] = [self._take]
            self._sessions.append(session)
            known = PrometheusConnect(self._address, session=session, retry=Retry(0))
            self._local.known = known
        return known

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
        return _SmallReply.of(response, job.question, self._held.parsing)

    def _body(self, job: _Job, response: requests.Response) -> bytes:
        if response.is_redirect:
            target = urljoin(self._address, response.headers["location"])
            raise _UnusableError(prometheus.redirected(self._address, target))
        body = io.BytesIO()
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            self._bounded(job, body.tell() + len(chunk))
            self._hold(len(chunk))
            body.write(chunk)
            if response.status_code != _OK and body.tell() >= _REFUSAL:
                response.raw.close()  # there is more, and nobody is told
                break
        return body.getvalue()

    def _bounded(self, job: _Job, size: int) -> None:
        most = self._largest if job.question.many else min(self._largest, LARGEST_OF_ONE)
        if size > most:
            raise _UnusableError(prometheus.too_large(self._address, most))
        if time.monotonic() > job.deadline:
            raise _UnusableError(self._late())

    def _hold(self, more: int) -> None:
        if not self._held.take(more):
            raise _UnusableError(prometheus.no_room(self._address, self._held.most))
        self._local.held += more

    def _failure(self, error: BaseException) -> Broken:
        """What lies at the bottom of an error that libraries have wrapped three times."""
        causes = list(_causes(error))
        if any(isinstance(cause, NameResolutionError) for cause in causes):
            return prometheus.unresolved(self._address)
        if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
            return prometheus.nobody_listens(self._address)
        if any(isinstance(cause, SocketTimeoutError | TimeoutError) for cause in causes):
            return prometheus.late(self._address, self._timeout_seconds)
        return prometheus.disconnected(self._address, str(causes[-1]) or type(causes[-1]).__name__)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it wraps, outermost first; urllib3 hides some causes among arguments."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        inner = [one for one in cause.args if isinstance(one, BaseException)]
        cause = cause.__cause__ or next(iter(inner), None) or cause.__context__
