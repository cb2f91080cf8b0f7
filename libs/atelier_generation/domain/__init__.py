"""Rules that hold for everything that is made; knows no wire, no broker, no database and no device."""
