"""Rules about stored files; knows no wire, no broker, no database and no device."""
