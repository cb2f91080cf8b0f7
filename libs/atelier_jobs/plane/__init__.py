"""What runs beside an API: publishing from the outbox and reconciling."""
