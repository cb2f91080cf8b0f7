"""The schemas in the database of videos."""

from atelier_artifacts.adapters.tables import artifact_tables
from atelier_jobs.sql import schema
from atelier_models.adapters.tables import model_tables
from atelier_video.domain.video import VIDEO

SCHEMAS = (schema.SCHEMA, artifact_tables(VIDEO.name).schema, model_tables(VIDEO.name).schema)
