"""Alembic's environment: runs revisions on the connection that `upgrade` gives. Alembic loads it; nothing imports it.

A revision of tables that exist once for each kind of job finds the kind with `op.get_context().opts["kind"]`.
"""

from alembic import context

from atelier_service.migrations.schema import Schema

schema: Schema = context.config.attributes["schema"]
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    version_table=schema.version_table,
    kind=schema.kind,
)
with context.begin_transaction():
    context.run_migrations()
