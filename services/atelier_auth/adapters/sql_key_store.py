"""Users and API keys in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, and_, bindparam, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from atelier_auth.adapters.key_database import database
from atelier_auth.adapters.tables import API_KEYS, KEY_SCOPES, USERS
from atelier_auth.domain.api_key import ApiKey
from atelier_auth.domain.scopes import ADMIN, OF_A_KEY, ordered
from atelier_service.errors import AlreadyExistsError, NotFoundError, ResourceExhaustedError
from atelier_service.sql import conflict_insert

_K = API_KEYS.c
_KEYS = select(API_KEYS, KEY_SCOPES.c.scopes).outerjoin(KEY_SCOPES, KEY_SCOPES.c.key_id == _K.id)


class SqlKeyStore:
    """The KeyStore port on SQLite and PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        # SQLite: readers take no write lock and wait for no writer.
        self._reader = engine.execution_options(readonly=True)

    async def add_key(self, key: ApiKey, *, limit: int, create_user: bool) -> None:
        """See the port."""
        async with database(), self._engine.begin() as connection:
            if create_user:
                await connection.execute(self._add_user(key.user_id, key.create_us))
            # The row lock makes "count, then insert" one step for two requests at once (SQLite has one writer anyway).
            user = select(USERS.c.id).where(USERS.c.id == key.user_id).with_for_update()
            if (await connection.execute(user)).first() is None:
                raise NotFoundError("USER_NOT_FOUND", "there is no such user")
            count = select(func.count()).where(_K.user_id == key.user_id, _K.revoke_us.is_(None))
            if (await connection.execute(count)).scalar_one() >= limit:
                raise ResourceExhaustedError("API_KEY_LIMIT", f"a user has at most {limit} API keys; delete one first")
            try:
                await connection.execute(
                    insert(API_KEYS).values(
                        id=key.id,
                        user_id=key.user_id,
                        display_name=key.display_name,
                        admin=key.admin,
                        digest=key.digest,
                        create_us=key.create_us,
                        expire_us=key.expire_us,
                        last_use_us=key.last_use_us,
                        revoke_us=key.revoke_us,
                    )
                )
            except IntegrityError as error:
                raise AlreadyExistsError("API_KEY_EXISTS", "there is an API key of this id") from error
            if key.scopes != _every_scope(admin=key.admin):
                row = {"key_id": key.id, "scopes": " ".join(ordered(key.scopes))}
                await connection.execute(insert(KEY_SCOPES).values(row))

    def _add_user(self, user_id: str, now_us: int) -> Any:
        insert = conflict_insert(self._engine.dialect.name, USERS)
        return insert.values(id=user_id, create_us=now_us).on_conflict_do_nothing()

    async def key(self, key_id: str) -> ApiKey | None:
        """See the port."""
        async with database(), self._reader.connect() as connection:
            row = (await connection.execute(_KEYS.where(_K.id == key_id))).mappings().first()
        return _key(row) if row is not None else None

    async def keys_of(self, user_id: str, *, limit: int, before: tuple[int, str] | None) -> Sequence[ApiKey]:
        """See the port."""
        query = _KEYS.where(_K.user_id == user_id, _K.revoke_us.is_(None))
        if before is not None:
            create_us, key_id = before
            query = query.where(or_(_K.create_us < create_us, and_(_K.create_us == create_us, _K.id < key_id)))
        query = query.order_by(_K.create_us.desc(), _K.id.desc()).limit(limit)
        async with database(), self._reader.connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [_key(row) for row in rows]

    async def revoke_key(self, key_id: str, *, user_id: str, now_us: int) -> bool:
        """See the port."""
        mine = and_(_K.id == key_id, _K.user_id == user_id, _K.revoke_us.is_(None))
        async with database(), self._engine.begin() as connection:
            changed = await connection.execute(update(API_KEYS).where(mine).values(revoke_us=now_us))
        return changed.rowcount == 1

    async def revoked_since(self, since_us: int) -> Mapping[str, int]:
        """See the port."""
        async with database(), self._reader.connect() as connection:
            rows = await connection.execute(select(_K.id, _K.revoke_us).where(_K.revoke_us >= since_us))
            return {row.id: row.revoke_us for row in rows}

    async def record_uses(self, uses: Mapping[str, int]) -> None:
        """See the port."""
        if not uses:
            return
        used_us: BindParameter[int] = bindparam("used_us")
        older = or_(_K.last_use_us.is_(None), _K.last_use_us < used_us)
        statement = update(API_KEYS).where(_K.id == bindparam("used_id"), older).values(last_use_us=used_us)
        # In the order of ids: two replicas that write the same keys must not lock each other out.
        rows = [{"used_id": key_id, "used_us": us} for key_id, us in sorted(uses.items())]
        async with database(), self._engine.begin() as connection:
            await connection.execute(statement, rows)

    async def has_user(self, user_id: str) -> bool:
        """See the port."""
        async with database(), self._reader.connect() as connection:
            return (await connection.execute(select(USERS.c.id).where(USERS.c.id == user_id))).first() is not None


def _key(row: Mapping[Any, Any]) -> ApiKey:
    return ApiKey(
        id=row["id"],
        user_id=row["user_id"],
        display_name=row["display_name"],
        admin=row["admin"],
        scopes=_every_scope(admin=row["admin"]) if row["scopes"] is None else frozenset(row["scopes"].split()),
        digest=row["digest"],
        create_us=row["create_us"],
        expire_us=row["expire_us"],
        last_use_us=row["last_use_us"],
        revoke_us=row["revoke_us"],
    )


def _every_scope(*, admin: bool) -> frozenset[str]:
    return OF_A_KEY | {ADMIN} if admin else OF_A_KEY
