"""The schemas in the database of executions."""

from atelier_artifacts.adapters.tables import artifact_tables
from atelier_jobs.sql import schema
from atelier_workflow.adapters.tables import SCHEMA
from atelier_workflow.domain.execution import WORKFLOW

SCHEMAS = (schema.SCHEMA, artifact_tables(WORKFLOW.name).schema, SCHEMA)
