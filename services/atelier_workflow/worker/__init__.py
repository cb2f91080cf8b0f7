"""The worker of workflows: graphs run in host processes, and what their nodes ask of the mesh are jobs."""
