"""What every servicer of jobs does, whatever the jobs make: submits, pages, waits, streams of events."""
