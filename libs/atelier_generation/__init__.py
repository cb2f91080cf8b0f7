"""What services that make things on a device share, whatever they make: jobs with a cache, models, workers, files."""
