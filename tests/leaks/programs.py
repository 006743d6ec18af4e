"""Programs of real packages, one of them by its name: at rest at first, at work once told so."""

from __future__ import annotations

import asyncio
import collections
import copy
import email
import hashlib
import importlib
import json
import os
import re
import sqlite3
import sys
import tempfile
import threading
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Callable

    Work = Callable[[int], object]

WARM = 20
"""Rounds before a program rests."""

EXTENSIONS = (
    *("numpy", "lxml.etree", "kiwisolver", "sqlalchemy", "aiohttp", "pydantic", "msgspec"),
    *("cryptography.hazmat.bindings._rust", "PIL.Image", "regex", "shapely", "yaml"),
    *("markupsafe", "uvloop", "contourpy", "greenlet", "psutil", "multidict", "simplejson"),
    *("frozenlist", "yarl", "wrapt", "scipy.sparse", "scipy.linalg", "scipy.special", "pandas"),
    *("msgpack", "ml_dtypes", "bitarray", "rpds", "httptools", "websockets"),
)
"""Of packages with extension modules."""


def web() -> Work:
    """Return requests to an application of Flask."""
    flask: Any = importlib.import_module("flask")
    app = flask.Flask("app")
    template = "{% for each in items %}{{ each }}{% endfor %}"

    @app.route("/<int:number>")  # type: ignore[untyped-decorator]
    def show(number: int) -> object:
        text = flask.render_template_string(template, items=range(5))
        return flask.jsonify(numbers=[number] * 5, text=text)

    def work(number: int) -> None:
        assert app.test_client().get(f"/{number}").status_code == 200

    return work


def orm() -> Work:
    """Return transactions of SQLAlchemy's ORM."""
    sqlalchemy: Any = importlib.import_module("sqlalchemy")
    library: Any = importlib.import_module("sqlalchemy.orm")
    pool: Any = importlib.import_module("sqlalchemy.pool")
    base = library.declarative_base()
    columns = {
        "__tablename__": "users",
        "id": sqlalchemy.Column(sqlalchemy.Integer, primary_key=True),
        "name": sqlalchemy.Column(sqlalchemy.String),
    }
    user: Any = type("User", (base,), columns)
    options = {"poolclass": pool.StaticPool, "connect_args": {"check_same_thread": False}}
    engine = sqlalchemy.create_engine("sqlite://", **options)
    base.metadata.create_all(engine)

    def work(number: int) -> None:
        with library.Session(engine) as session:
            session.add(user(name=f"name {number}"))
            session.commit()
            session.scalars(sqlalchemy.select(user).where(user.id > number - 5)).all()

    return work


def arrays() -> Work:
    """Return arrays of numpy, with references at odd places."""
    numpy: Any = importlib.import_module("numpy")
    kept: list[object] = []

    def work(_: int) -> None:
        numbers = numpy.random.rand(50, 50)
        numpy.linalg.svd(numbers @ numbers.T)
        texts = numpy.array([str(each) for each in range(100)], dtype=object)
        numpy.sort(texts)
        packed = numpy.zeros(5000, dtype="i1,O")
        packed["f1"] = [f"text {each}" for each in range(5000)]
        kept[:] = [packed, texts[::2]]

    return work


def suite() -> Work:
    """Return runs of pytest."""
    pytest: Any = importlib.import_module("pytest")
    folder = Path(tempfile.mkdtemp())
    text = "import pytest\n@pytest.mark.parametrize('each', range(20))\ndef test_it(each): pass\n"
    (folder / "test_it.py").write_text(text)
    words = ["-p", "no:terminal", "-p", "no:cacheprovider", "--capture=no", str(folder)]
    return lambda _: pytest.main(words)


def streams() -> Work:
    """Return conversations of asyncio."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()
        writer.close()

    async def ask(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(5):
            writer.write(b"text\n")
            await writer.drain()
            await reader.readline()
        writer.close()
        await writer.wait_closed()

    async def converse() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        await asyncio.gather(*(ask(port) for _ in range(5)))
        server.close()

    return lambda _: asyncio.run(converse())


def trees() -> Work:
    """Return documents of lxml."""
    etree: Any = importlib.import_module("lxml.etree")

    def work(number: int) -> None:
        tree = etree.fromstring("<a>" + f"<b c='{number}'>x<d/></b>" * 50 + "</a>")
        tree.xpath("//b[@c]/d")
        etree.tostring(tree)

    return work


def client() -> Work:
    """Return a server and a client of aiohttp."""
    aiohttp: Any = importlib.import_module("aiohttp")
    web: Any = importlib.import_module("aiohttp.web")

    async def show(_: object) -> object:
        return web.json_response({"numbers": [1, 2, 3]})

    async def converse() -> None:
        app = web.Application()
        app.router.add_get("/", show)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]
        async with aiohttp.ClientSession() as session:
            for _ in range(10):
                async with session.get(f"http://127.0.0.1:{port}/") as response:
                    await response.json()
        await runner.cleanup()

    return lambda _: asyncio.run(converse())


def frames() -> Work:
    """Return tables of pandas."""
    pandas: Any = importlib.import_module("pandas")

    def work(_: int) -> None:
        texts = [str(each % 7) for each in range(100)]
        table = pandas.DataFrame({"number": range(100), "text": texts})
        table.groupby("text").number.sum()
        table.merge(table, on="text").head()
        table.to_json()

    return work


def models() -> Work:
    """Return values that pydantic and msgspec check."""
    pydantic: Any = importlib.import_module("pydantic")
    msgspec: Any = importlib.import_module("msgspec")
    model: Any = pydantic.create_model("Model", number=(int, ...), texts=(list[str], ...))
    struct: Any = msgspec.defstruct("Struct", [("number", int), ("texts", list[str])])

    def work(number: int) -> None:
        model.model_validate_json(model(number=number, texts=["x"]).model_dump_json())
        msgspec.json.decode(msgspec.json.encode(struct(number, ["y"])), type=struct)
        try:
            model(number="x", texts=3)
        except pydantic.ValidationError as error:
            str(error)

    return work


def standard() -> Work:
    """Return what the standard library is used for."""

    def work(number: int) -> None:
        database = sqlite3.connect(":memory:")
        database.execute("create table t(a, b)")
        database.executemany("insert into t values(?, ?)", [(each, str(each)) for each in range(9)])
        database.execute("select * from t").fetchall()
        database.close()
        json.loads(json.dumps({"numbers": [number] * 5}))
        re.findall("[a-z]+", f"text {number}")
        _ = Decimal(number) / 7
        ET.tostring(ET.Element("a"))
        copy.deepcopy([number, collections.deque([1])])
        email.message_from_string("From: a\n\ntext").as_string()
        hashlib.sha256(b"text").hexdigest()

    return work


def imports() -> Work:
    """Import many packages with extension modules, those that are there."""
    for name in EXTENSIONS:
        try:
            importlib.import_module(name)
        except ImportError:
            os.write(2, f"not imported: {name}\n".encode())
    return lambda _: None


PROGRAMS: dict[str, Callable[[], Work]] = {
    each.__name__: each
    for each in (
        *(web, orm, arrays, suite, streams, trees),
        *(client, frames, models, standard, imports),
    )
}


def main() -> None:
    make = PROGRAMS[sys.argv[1]]
    busy = threading.Event()

    def loop(work: Work) -> None:
        for number in range(WARM):
            work(number)
        warm.wait()
        busy.wait()
        number = WARM
        while True:
            work(number)
            number += 1

    # pytest runs once at a time.
    works = [make()] if make is suite else [make(), make()]
    warm = threading.Barrier(len(works) + 1)
    for work in works:
        threading.Thread(target=loop, args=(work,), daemon=True).start()
    warm.wait()
    os.write(1, b"0\n")
    while os.read(0, 1):
        busy.set()
        os.write(1, b"1\n")
    os._exit(0)


if __name__ == "__main__":
    main()
