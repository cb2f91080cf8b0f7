"""`execution`: the executor. Graphs run in the host's own engine, which packs cannot access."""

from atelier_graph.blocker import ExecutionBlocker
from atelier_graph.errors import DependencyCycleError, NodeInputError
from atelier_nodes.packs.model_internals import placeholder

__all__ = [
    "CacheSet",
    "DependencyCycleError",
    "ExecutionBlocker",
    "NodeInputError",
    "PromptExecutor",
    "PromptQueue",
    "execute",
    "get_input_data",
    "get_output_data",
    "map_node_over_list",
    "recursive_execute",
    "validate_inputs",
    "validate_prompt",
]

CacheSet = placeholder("execution.CacheSet")
PromptExecutor = placeholder("execution.PromptExecutor")
PromptQueue = placeholder("execution.PromptQueue")
execute = placeholder("execution.execute")
get_input_data = placeholder("execution.get_input_data")
get_output_data = placeholder("execution.get_output_data")
map_node_over_list = placeholder("execution.map_node_over_list")
recursive_execute = placeholder("execution.recursive_execute")
validate_inputs = placeholder("execution.validate_inputs")
validate_prompt = placeholder("execution.validate_prompt")
