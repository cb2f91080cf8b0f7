"""The worker of workflows: graphs run in host processes, and calls of their nodes to the mesh are jobs."""
