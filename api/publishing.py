"""Writes published lists when they are due, keeps them packed, and takes parts out of them."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import orjson
import structlog
from django.db import connection, transaction

from portal.memory import give_back

log = structlog.get_logger(__name__)

# Of one list: rules, health and prices often change in bursts, and callers may ask six times a minute.
REST_SECONDS = 10.0
AFTER_FAILURE = timedelta(minutes=1)
AT_ONCE = 50  # tenants that one sweep writes for
LEVEL = 2  # as fast as level 1 on such text, and smaller; level 6 takes three times as long
COLLECTOR = 7_301  # the advisory lock of who takes note of changes

# A deflate stream of blocks that stand by themselves, so that any of them can be sent alone.
HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
STORED = b"\x00\x01\x00\xfe\xff"  # one byte follows as it is
LAST = b"\x01\x01\x00\xfe\xff"  # the same, at the end
ARRAY, OBJECT = (b"[", b"]"), (b"{", b"}")

COLLECT = """
WITH changes AS (DELETE FROM providers_cataloguechange RETURNING topic, tenant_id)
UPDATE api_publication p SET due_at = greatest(%(now)s, p.built_at + make_interval(secs => %(rest)s))
WHERE EXISTS (
    SELECT 1 FROM changes c
    WHERE c.topic = p.topic AND (c.tenant_id IS NULL OR c.tenant_id = p.tenant_id)
)
"""
CLAIM = """
SELECT id, tenant_id, topic, edition FROM api_publication
WHERE due_at <= %s AND id > %s ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
"""
OPEN = "INSERT INTO api_publication (tenant_id, topic, edition) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
LOCK = """
SELECT id FROM api_publication
WHERE tenant_id = %s AND topic = %s AND edition = %s FOR UPDATE
"""
# Lists of tenants that get no answers, or none of whose keys was used lately.
DROP = """
WITH idle AS (
    SELECT p.id, p.tenant_id FROM api_publication p JOIN accounts_tenant t ON t.id = p.tenant_id
    WHERE p.built_at < %(before)s AND (t.status <> 'active' OR NOT EXISTS (
        SELECT 1 FROM accounts_apikey k WHERE k.tenant_id = t.id AND k.last_used_at >= %(before)s))
    FOR UPDATE OF p SKIP LOCKED
), lists AS (
    DELETE FROM api_publishedlist l USING idle WHERE l.tenant_id = idle.tenant_id
)
DELETE FROM api_publication p USING idle WHERE p.id = idle.id
"""
DONE = "UPDATE api_publication SET built_at = %s, due_at = %s WHERE id = %s"
PUT_OFF = "UPDATE api_publication SET due_at = %s WHERE id = %s"
STORE = """
INSERT INTO api_publishedlist AS list (tenant_id, name, etag, packed, parts)
VALUES (%s, %s, %s, %s, %s::jsonb)
ON CONFLICT (tenant_id, name) DO UPDATE
SET etag = excluded.etag, packed = excluded.packed, parts = excluded.parts
WHERE list.etag <> excluded.etag
"""
READ = """
SELECT etag, substring(packed FROM place FOR %(piece)s)
FROM api_publishedlist, generate_series(1, length(packed), %(piece)s) AS place
WHERE tenant_id = %(tenant)s AND name = %(name)s
ORDER BY place
"""
PIECE = 65_536  # bytes of a list; a connection keeps a buffer as large as the largest answer it took at once
READ_PART = """
SELECT substring(
    packed FROM (parts #>> ARRAY[%(part)s, '0'])::int + 1 FOR (parts #>> ARRAY[%(part)s, '1'])::int)
FROM api_publishedlist
WHERE tenant_id = %(tenant)s AND name = %(name)s AND parts ? %(part)s
"""


@dataclass(frozen=True, slots=True)
class Packed:
    """A JSON array or object, gzipped; `etag` is the SHA-1 of its plain form."""

    etag: str
    packed: bytes
    parts: Mapping[str, tuple[int, int]]

    @property
    def plain(self) -> bytes:
        return zlib.decompress(self.packed, 31)


class Draft(NamedTuple):
    """The lists of a topic as (name, entries by id), and when the clock alone changes them. `brackets`: those
    of an object, where the entries are its members.
    """

    lists: Iterable[tuple[str, Iterable[tuple[str, bytes]]]]
    changes_at: datetime | None
    brackets: tuple[bytes, bytes] = ARRAY


Writer = Callable[[int, datetime], Draft]
Editions = Mapping[str, Callable[[str], Writer]]


def pack(entries: Iterable[tuple[str, bytes]], brackets: tuple[bytes, bytes] = ARRAY) -> Packed:
    """An array of these entries, in their order; or an object of members."""
    opening, closing = brackets
    deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, -15)
    sha, crc, size, place = hashlib.sha1(opening, usedforsecurity=False), zlib.crc32(opening), 1, len(HEAD)
    blocks, parts, separator, block = [HEAD], {}, b"", STORED + opening
    for name, entry in entries:
        chunk = deflate.compress(entry) + deflate.flush(zlib.Z_FULL_FLUSH)
        text = separator + entry
        sha.update(text)
        crc, size, place = zlib.crc32(text, crc), size + len(text), place + len(block)
        parts[name] = place, len(chunk)
        blocks += block, chunk
        place += len(chunk)
        separator, block = b",", STORED + b","
    sha.update(closing)
    blocks += [LAST + closing] if parts else [STORED + opening, LAST + closing]
    blocks.append(struct.pack("<LL", zlib.crc32(closing, crc), (size + 1) % 2**32))
    return Packed(sha.hexdigest(), b"".join(blocks), parts)


def array_of(chunk: bytes | None) -> Packed:
    """An array of one entry as it lies in a list, or of none."""
    entry = b"" if chunk is None else _inflate(chunk)
    plain = b"[" + entry + b"]"
    tail = struct.pack("<LL", zlib.crc32(plain), len(plain))
    packed = HEAD + STORED + b"[" + (chunk or b"") + LAST + b"]" + tail
    return Packed(hashlib.sha1(plain, usedforsecurity=False).hexdigest(), packed, {})


def _inflate(chunk: bytes) -> bytes:
    return zlib.decompressobj(-15).decompress(chunk)


def publish_due(writers: Mapping[str, Writer], editions: Editions | None = None, *, now: datetime) -> int:
    """Take note of what changed and write the lists that are due; how many publications were written.
    `writers`: by topic; `editions`: those of editions, by the kind that their name begins with.

    Any number of these may run: each publication has one writer at a time, the others step over it.
    """
    _collect(now)
    written, last = 0, 0
    for _ in range(AT_ONCE):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(CLAIM, [now, last])
            if (row := cursor.fetchone()) is None:
                return written
            last, tenant_id, topic, edition = row
            kind, _, group = edition.rpartition("/")
            try:
                with transaction.atomic():
                    writer = (editions or {})[kind](group) if edition else writers[topic]
                    _write(last, writer, tenant_id, now)
            except Exception:
                log.exception("publication_failed", tenant=tenant_id, topic=topic, edition=edition)
                cursor.execute(PUT_OFF, [now + AFTER_FAILURE, last])
        written += 1
    return written


def publish_first(
    topic: str, name: str, writer: Writer, tenant_id: int, *, edition: str = "", now: datetime
) -> None:
    """Write lists of which `name` is missing. Of many that ask at once one writes, the others wait."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(OPEN, [tenant_id, topic, edition])
        cursor.execute(LOCK, [tenant_id, topic, edition])
        number = cursor.fetchone()[0]
        if read(name, tenant_id) is None:
            _write(number, writer, tenant_id, now)


def drop_idle(*, before: datetime) -> int:
    """Delete the lists of tenants that have not called since then; how many publications that were.

    Who calls after all has his written anew by his first request.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(DROP, {"before": before})
        return int(cursor.rowcount)


def read(name: str, tenant_id: int) -> Packed | None:
    """A whole list, or None while there is none."""
    params = {"tenant": tenant_id, "name": name, "piece": PIECE}
    connection.ensure_connection()
    assert connection.connection is not None
    with connection.wrap_database_errors, connection.connection.cursor(binary=True) as cursor:
        rows = list(cursor.stream(READ, params))
    return Packed(rows[0][0], b"".join(piece for _, piece in rows), {}) if rows else None


def read_part(name: str, tenant_id: int, part: str) -> Packed:
    """The array of one entry of a list; an empty one when the list has no such entry."""
    with connection.cursor() as cursor:
        cursor.execute(READ_PART, {"name": name, "tenant": tenant_id, "part": part})
        row = cursor.fetchone()
    return array_of(bytes(row[0]) if row else None)


def _collect(now: datetime) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [COLLECTOR])
        if cursor.fetchone()[0]:
            cursor.execute(COLLECT, {"now": now, "rest": REST_SECONDS})


def _write(number: int, writer: Writer, tenant_id: int, now: datetime) -> None:
    draft = writer(tenant_id, now)
    with connection.cursor() as cursor:
        for name, entries in draft.lists:
            made = pack(entries, draft.brackets)
            parts = orjson.dumps(made.parts).decode()
            cursor.execute(STORE, [tenant_id, name, made.etag, made.packed, parts])
        cursor.execute(DONE, [now, draft.changes_at, number])
    del draft, entries, made
    give_back()  # a hundred megabytes of text, in a web worker that is the first to be asked for a list
