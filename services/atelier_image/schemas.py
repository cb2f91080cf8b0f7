"""The schemas in the database of images."""

from atelier_artifacts.adapters.tables import artifact_tables
from atelier_image.domain.image import IMAGE
from atelier_jobs.sql import schema
from atelier_models.adapters.tables import model_tables

SCHEMAS = (schema.SCHEMA, artifact_tables(IMAGE.name).schema, model_tables(IMAGE.name).schema)
