"""Tests and benchmarks."""

import os

# Whoever starts a mesh forks, and runs a line before it executes (`die_with_parent`). gRPC's own guard of its threads
# in forks then aborts one child in a hundred ("epoll_wait error: Bad file descriptor"). It is read when gRPC is
# imported.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
