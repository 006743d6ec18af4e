"""Analyses a web server's log: three stages of threads that hand JSON lines on by queues.

    python examples/pipeline.py [REQUESTS]

Sources write the log of a shop, one JSON line per request; parsers make events of
lines; analysts count them per route and look for clients that fail too often.  The
main thread puts the results together.  The report is the same in every run.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import zlib
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from queue import Queue, SimpleQueue
from random import Random
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES = 2
PARSERS = 3
ANALYSTS = 4
WINDOW = 20
"""Requests of one client that are looked at together."""
TOO_MANY = 10
"""Failures among them that are reported."""

ROUTE = re.compile(
    r"^(?P<method>[A-Z]+) /(?P<area>cart|items|users|static)(?:/(?P<key>[\w.-]+))?"
    r"(?:\?(?P<query>\S*))? HTTP/(?P<version>1\.1|2)$"
)
QUERY = re.compile(r"(?P<name>\w+)=(?P<value>[^&]*)")
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Event:
    """One request, parsed."""

    at: datetime
    client: str
    method: str
    area: str
    status: int
    price: Decimal
    words: tuple[str, ...]

    @property
    def failed(self) -> bool:
        """Whether the server failed."""
        return self.status >= 500  # noqa: PLR2004 - HTTP's own number


class Alert(NamedTuple):
    """A client whose requests failed too often."""

    client: str
    at: datetime
    failures: int


class Watch:
    """The last requests of one client."""

    def __init__(self, client: str) -> None:
        self.client = client
        self.recent: deque[Event] = deque(maxlen=WINDOW)

    def see(self, event: Event) -> Alert | None:
        """Take in a request; return an alert when too many of the last ones failed."""
        self.recent.append(event)
        failures = sum(each.failed for each in self.recent)
        if failures < TOO_MANY:
            return None
        self.recent.clear()
        return Alert(self.client, event.at, failures)


@dataclass
class Findings:
    """What one analyst found."""

    requests: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    turnover: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    alerts: list[Alert] = field(default_factory=list)
    watches: dict[str, Watch] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        """Count one event."""
        self.requests[event.area] += 1
        self.failures[event.area] += event.failed
        self.words.update(event.words)
        self.turnover[event.area] += event.price
        watch = self.watches.get(event.client)
        if watch is None:
            watch = self.watches[event.client] = Watch(event.client)
        alert = watch.see(event)
        if alert is not None:
            self.alerts.append(alert)


class Malformed(ValueError):
    """A line that is no request."""


def log(source: int, requests: int) -> Iterator[tuple[str, str]]:
    """Write the log of one server, as clients and the lines about them."""
    random = Random(source)  # noqa: S311 - the same log in every run
    for number in range(requests):
        client = f"10.{source}.0.{random.randrange(40)}"
        area = random.choice(("cart", "items", "items", "users", "static"))
        query = random.choice(("", "?q=red+shoes&page=2", "?q=blue+hat", "?sort=price"))
        bad = client.endswith("7") and random.random() < 0.4  # noqa: PLR2004 - the odd client
        record = {
            "at": (START + timedelta(seconds=number)).isoformat(),
            "client": client,
            "request": f"GET /{area}/{random.randrange(500)}{query} HTTP/1.1",
            "status": random.choice((500, 503)) if bad else random.choice((200, 200, 304, 404)),
            "price": f"{random.randrange(10_000) / 100:.2f}" if area == "cart" else None,
        }
        # Now and then a line is cut off, as in real logs.
        line = json.dumps(record)
        yield client, line[:-9] if random.randrange(500) == 0 else line


@lru_cache(maxsize=4096)
def words_of(query: str) -> tuple[str, ...]:
    """Return the words that a query searches for."""
    return tuple(
        word
        for pair in QUERY.finditer(query)
        if pair["name"] == "q"
        for word in pair["value"].split("+")
    )


def parse(line: str) -> Event:
    """Make an event of a line, or raise :class:`Malformed`."""
    try:
        record = json.loads(line, parse_float=Decimal)
    except json.JSONDecodeError as error:
        raise Malformed(line) from error
    match = ROUTE.match(record["request"])
    if match is None:
        raise Malformed(line)
    return Event(
        at=datetime.fromisoformat(record["at"]),
        client=record["client"],
        method=match["method"],
        area=match["area"],
        status=record["status"],
        price=Decimal(record["price"] or 0),
        words=words_of(match["query"] or ""),
    )


def worker_of(client: str, workers: int) -> int:
    """Return which worker serves a client: always the same one, which keeps its order."""
    return zlib.crc32(client.encode()) % workers


class Pipeline:
    """The queues between the stages, and what each stage does with them.

    None in a queue says that one of the threads before it has ended.
    """

    def __init__(self, requests: int) -> None:
        self.requests = requests
        self.lines: list[Queue[tuple[str, str] | None]] = [Queue(1000) for _ in range(PARSERS)]
        self.events: list[SimpleQueue[Event | None]] = [SimpleQueue() for _ in range(ANALYSTS)]
        self.findings = [Findings() for _ in range(ANALYSTS)]
        self.malformed = [0] * PARSERS

    def run(self) -> None:
        """Run every stage to its end."""
        stages = (
            [
                threading.Thread(target=self.read, args=(n,), name=f"source-{n}")
                for n in range(SOURCES)
            ]
            + [
                threading.Thread(target=self.parse, args=(n,), name=f"parser-{n}")
                for n in range(PARSERS)
            ]
            + [
                threading.Thread(target=self.analyse, args=(n,), name=f"analyst-{n}")
                for n in range(ANALYSTS)
            ]
        )
        for thread in stages:
            thread.start()
        for thread in stages:
            thread.join()

    def read(self, source: int) -> None:
        """Hand the lines of one server to the parsers."""
        for client, line in log(source, self.requests):
            self.lines[worker_of(client, PARSERS)].put((client, line))
        for queue in self.lines:
            queue.put(None)

    def parse(self, parser: int) -> None:
        """Make events of lines until every source has ended."""
        ended = 0
        while ended < SOURCES:
            item = self.lines[parser].get()
            if item is None:
                ended += 1
                continue
            client, line = item
            try:
                self.events[worker_of(client, ANALYSTS)].put(parse(line))
            except Malformed:
                self.malformed[parser] += 1
        for queue in self.events:
            queue.put(None)

    def analyse(self, analyst: int) -> None:
        """Count events until every parser has ended."""
        found = self.findings[analyst]
        ended = 0
        while ended < PARSERS:
            event = self.events[analyst].get()
            if event is None:
                ended += 1
            else:
                found.take(event)

    def report(self) -> str:
        """Return what all analysts found together."""
        requests = sum((each.requests for each in self.findings), Counter[str]())
        failures = sum((each.failures for each in self.findings), Counter[str]())
        words = sum((each.words for each in self.findings), Counter[str]())
        turnover = sum((each.turnover["cart"] for each in self.findings), Decimal(0))
        alerts = sorted(alert for each in self.findings for alert in each.alerts)
        lines = [f"{requests.total():,} requests, {sum(self.malformed)} lines malformed"]
        for area, number in sorted(requests.items()):
            lines.append(f"  {area:8}{number:8,}  {failures[area] / number:6.1%} failed")
        lines.append(f"turnover {turnover:,}")
        lines.append("searched " + ", ".join(f"{w} {n:,}" for w, n in sorted(words.items())))
        clients = Counter(alert.client for alert in alerts)
        lines.append(f"{len(alerts)} alerts about {len(clients)} clients")
        lines += [f"  {client:12}{number:4}" for client, number in sorted(clients.items())]
        return "\n".join(lines)


if __name__ == "__main__":
    pipeline = Pipeline(int(sys.argv[1]) if len(sys.argv) > 1 else 36_000)
    pipeline.run()
    print(pipeline.report())
