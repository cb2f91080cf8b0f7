"""Rules about models; knows no wire, no broker, no database and no device."""
