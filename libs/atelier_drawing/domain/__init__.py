"""Rules about drawings; knows no wire, no broker, no database and no device."""
