"""Where sessions are kept. :mod:`.base` is the contract; each store has a file or folder.

:func:`open_store` turns the value of ``SESSION_STORE`` into a store. Stores are imported
by name when they are opened, so a driver is imported only when it is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from contextlib import AbstractContextManager
from contextlib import nullcontext
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from inspect import signature
from pathlib import PurePath
from typing import Any
from typing import cast
from typing import NamedTuple

from ..errors import ConfigError
from .base import Store

#: Other packages add stores here; the entry point's name is the URL scheme.
ENTRY_POINTS = "flask_serversession.stores"


class _Kind(NamedTuple):
    """A store of this package: where its class is and which clients it accepts."""

    module: str
    name: str
    #: Packages whose objects this store accepts as clients.
    clients: tuple[str, ...] = ()
    #: A URL to suggest for a store whose name alone does not say where it is.
    example: str = ""
    #: Its records can have the layout of a Node store.
    has_layouts: bool = False

    def load(self) -> Callable[..., Store]:
        module = import_module(f"{__name__}.{self.module}")
        return cast("Callable[..., Store]", getattr(module, self.name))


_REDIS = _Kind("redis", "RedisStore", ("redis", "valkey"), "redis://localhost:6379/0")
_SQL = _Kind(
    "sqlalchemy",
    "SQLAlchemyStore",
    ("sqlalchemy", "flask_sqlalchemy"),
    "sqlite:///sessions.db",
    has_layouts=True,
)
_MONGODB = _Kind(
    "mongodb", "MongoDBStore", ("pymongo",), "mongodb://localhost:27017/app", has_layouts=True
)
_MEMCACHED = _Kind(
    "memcached",
    "MemcachedStore",
    ("pymemcache",),
    "memcached://localhost:11211",
    has_layouts=True,
)
_FILES = _Kind(
    "filesystem", "FileSystemStore", example="file:///var/lib/app/sessions", has_layouts=True
)
_CACHELIB = _Kind("cachelib", "CacheLibStore", ("cachelib",))
_MEMORY = _Kind("memory", "MemoryStore")

_BY_NAME = {
    "memory": _MEMORY,
    "redis": _REDIS,
    "sqlalchemy": _SQL,
    "mongodb": _MONGODB,
    "memcached": _MEMCACHED,
    "filesystem": _FILES,
    "cachelib": _CACHELIB,
}
_BY_SCHEME = {
    "redis": _REDIS,
    "rediss": _REDIS,
    "unix": _REDIS,
    "valkey": _REDIS,
    "valkeys": _REDIS,
    "redis+cluster": _REDIS,
    "redis+sentinel": _REDIS,
    "sqlite": _SQL,
    "postgresql": _SQL,
    "mysql": _SQL,
    "mariadb": _SQL,
    "mongodb": _MONGODB,
    "mongodb+srv": _MONGODB,
    "memcached": _MEMCACHED,
    "file": _FILES,
}


def open_store(
    given: Any,
    options: Mapping[str, Any],
    *,
    shared: bool = False,
    context: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Store:
    """Return the store that ``SESSION_STORE`` names. It does not connect yet.

    :param given: a URL, a name, a store, or a client of the application.
    :param options: keyword arguments of the store.
    :param shared: use the layout that Express reads, unless the options name a layout.
    :param context: where a client is found that exists only in an application context.
    :raises ConfigError: and says what would work.
    """
    store = _open(given, options, shared)
    if hasattr(store, "find_engine_in"):
        store.find_engine_in(context)
    return store


def _open(given: Any, options: Mapping[str, Any], shared: bool) -> Store:
    if isinstance(given, str):
        open_named = _from_url if ":" in given else _from_name
        return open_named(given, options, shared)
    if isinstance(given, type):
        raise ConfigError(
            f"SESSION_STORE is the class {given.__qualname__}; it must be an instance of it."
        )
    if all(callable(getattr(given, verb, None)) for verb in _VERBS):
        if options:
            raise ConfigError(
                "SESSION_STORE is a store object, so SESSION_STORE_OPTIONS has no effect:"
                " pass the options to the store itself."
            )
        return cast(Store, given)
    return _from_client(given, options, shared)


_VERBS = ("load", "create", "save", "touch", "delete")


def _from_url(url: str, options: Mapping[str, Any], shared: bool) -> Store:
    scheme = url.partition(":")[0].lower()
    # SQLAlchemy's URLs name the driver too: postgresql+psycopg.
    kind = _BY_SCHEME.get(scheme) or _BY_SCHEME.get(scheme.partition("+")[0])
    if kind is not None:
        make = cast(Any, kind.load()).from_url
    else:
        make = getattr(_plugin(scheme), "from_url", None)
        if make is None:
            raise ConfigError(
                f"SESSION_STORE is a URL with the scheme {scheme!r}, which no store has."
                + _did_you_mean(scheme, _BY_SCHEME)
            )
    return _make(make, (url,), _with_layout(kind, options, shared))


def _from_name(name: str, options: Mapping[str, Any], shared: bool) -> Store:
    kind = _BY_NAME.get(name)
    if kind is not None and kind.example and not options:
        raise ConfigError(
            f"SESSION_STORE is {name!r}, which does not say where it is. Give a URL, such as"
            f" {kind.example!r}, or the application's client."
        )
    make = kind.load() if kind is not None else _plugin(name)
    if make is None:
        raise ConfigError(
            f"SESSION_STORE is {name!r}, which is neither a URL nor the name of a store."
            + _did_you_mean(name, [*_BY_NAME, "cookie"])
            + " A URL says where it is, such as 'sqlite:///sessions.db', 'redis://localhost:6379/0'"
            " or 'file:///var/lib/app/sessions'."
        )
    return _make(make, (), _with_layout(kind, options, shared))


def _from_client(client: Any, options: Mapping[str, Any], shared: bool) -> Store:
    packages = {base.__module__.partition(".")[0] for base in type(client).__mro__}
    for kind in _BY_NAME.values():
        if packages.intersection(kind.clients):
            options = _with_layout(kind, options, shared)
            if "flask_sqlalchemy" in packages:
                # The engine exists only inside an application context.
                return _make(kind.load(), (lambda: client.engine,), options)
            return _make(kind.load(), (client,), options)
    if client is None:
        raise ConfigError(
            "SESSION_STORE is None: leave the key out for the default. If the value comes from an"
            " environment variable, it is not set."
        )
    if isinstance(client, PurePath):
        raise ConfigError(
            f"SESSION_STORE is a {type(client).__name__}. For a directory of files give"
            " f'file://{path}', for a SQLite file f'sqlite:///{path}'."
        )
    raise ConfigError(
        f"SESSION_STORE is a {type(client).__module__}.{type(client).__qualname__}, which is"
        " not a URL, a store or a client of redis, SQLAlchemy, pymongo, pymemcache or"
        " cachelib. A store has the methods load, create, save, touch and delete."
    )


def _with_layout(
    kind: _Kind | None, options: Mapping[str, Any], shared: bool
) -> Mapping[str, Any]:
    return {"layout": "express", **options} if shared and kind and kind.has_layouts else options


def _make(make: Callable[..., Store], given: tuple[Any, ...], options: Mapping[str, Any]) -> Store:
    try:
        return make(*given, **options)
    except ConfigError as error:
        hint = _nearest_options(make, options)
        if hint:
            raise ConfigError(f"{error}{hint}") from error
        raise
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"SESSION_STORE_OPTIONS does not fit this store: {error}. Its keys are the store's"
            f" keyword arguments.{_nearest_options(make, options)}"
        ) from error


def _nearest_options(make: Callable[..., Store], options: Mapping[str, Any]) -> str:
    # ``from_url`` may pass options on to its class.
    known = {*signature(make).parameters, *signature(getattr(make, "__self__", make)).parameters}
    for key in map(str, options):
        near = get_close_matches(key, known, n=1)
        if near and key not in known:
            return f" SESSION_STORE_OPTIONS has {key!r}; did you mean {near[0]!r}?"
    return ""


def _plugin(name: str) -> Callable[..., Store] | None:
    # Asked last: an installed package cannot take over redis://.
    for entry in entry_points(group=ENTRY_POINTS, name=name):
        return cast("Callable[..., Store]", entry.load())
    return None


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word, list(known), n=1)
    if near:
        return f" Did you mean {near[0]!r}?"
    return f" The known ones are {', '.join(known)}."
