"""Schemas: what a V3 node declares about itself."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from comfy_api.latest.io.dynamic import Declaration, DynamicInput, declare_live, declared, nest
from comfy_api.latest.io.generic import MatchType
from comfy_api.latest.io.hidden import Hidden
from comfy_api.latest.io.inputs import Input, Output

_KEYS = (Hidden.auth_token_comfy_org, Hidden.api_key_comfy_org)


@dataclass
class PriceBadgeDepends:
    """What a price depends on: names of widgets, inputs and groups of inputs."""

    widgets: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    input_groups: list[str] = field(default_factory=list)


@dataclass
class PriceBadge:
    """The price that a client shows on a node, as an expression of its inputs."""

    expr: str
    depends_on: PriceBadgeDepends = field(default_factory=PriceBadgeDepends)
    engine: str = "jsonata"


@dataclass
class Schema:
    """A declaration of a node.

    Attributes:
        node_id: Its name in prompts; two packs should not choose the same.
        display_name: Its name for people.
        category: Its place in menus, with `/` between the levels.
        inputs: In order.
        outputs: In order.
        hidden: Values of the execution, which `cls.hidden` holds in a call.
        description: What it does.
        search_aliases: Other words to find it by.
        is_input_list: It is called once, with whole lists.
        is_output_node: Prompts are executed for it.
        is_deprecated: It is not to be used any more.
        is_experimental: It may change.
        is_dev_only: It is shown to developers alone.
        is_api_node: It calls a service, for which it gets keys.
        price_badge: What the service costs.
        not_idempotent: Two nodes of equal inputs do not share a result.
        enable_expand: It may return a graph in place of itself.
        accept_all_inputs: It gets inputs that are not declared.
        essentials_category: Its place in a client's short menu.
        has_intermediate_output: Its `ui` is published again when its result is in the cache.
    """

    node_id: str
    display_name: str | None = None
    category: str = "sd"
    inputs: list[Input] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    hidden: list[Hidden] = field(default_factory=list)
    description: str = ""
    search_aliases: list[str] = field(default_factory=list)
    is_input_list: bool = False
    is_output_node: bool = False
    is_deprecated: bool = False
    is_experimental: bool = False
    is_dev_only: bool = False
    is_api_node: bool = False
    price_badge: PriceBadge | None = None
    not_idempotent: bool = False
    enable_expand: bool = False
    accept_all_inputs: bool = False
    essentials_category: str | None = None
    has_intermediate_output: bool = False

    def __post_init__(self) -> None:
        self.inputs = list(self.inputs or [])
        self.outputs = list(self.outputs or [])
        self.hidden = list(self.hidden or [])

    def validate(self) -> None:
        """Checks that names are unique.

        Raises:
            ValueError: They are not.
        """
        for kind, ids in (
            ("inputs", [each.id for each in self.inputs]),
            ("outputs", [each.id for each in self.outputs if each.id is not None]),
        ):
            if twice := sorted({each for each in ids if ids.count(each) > 1}):
                raise ValueError(f"Node {self.node_id!r} has several {kind} named {', '.join(map(repr, twice))}")

    def finalize(self) -> None:
        """Adds the hidden inputs that its kind brings, and names of outputs that have none."""
        brought: list[Hidden] = []
        if self.is_output_node:
            brought += [Hidden.prompt, Hidden.extra_pnginfo]
        if self.is_api_node:
            brought += _KEYS
        self.hidden = list(dict.fromkeys([*self.hidden, *brought]))
        for slot, output in enumerate(self.outputs):
            if output.id is None:
                output.id = f"_{slot}_{output.get_io_type()}_"

    @property
    def is_dynamic(self) -> bool:
        """Whether its inputs depend on what a prompt gives."""
        return any(isinstance(each, DynamicInput) for each in self.inputs)

    @property
    def hidden_names(self) -> dict[str, Hidden]:
        """The arguments in which hidden inputs arrive; never the name of another input."""
        taken = {each.id for each in self.inputs}
        return {f"hidden.{each.name}" if each.name in taken else each.name: each for each in self.hidden}

    def input_types(self) -> dict[str, Any]:
        """Returns the inputs in the form of `INPUT_TYPES`."""
        return self._groups(declared(self.inputs))

    def live_input_types(self, live: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the inputs that there are for one node, in the form of `INPUT_TYPES`.

        Args:
            live: What the prompt gives: values, and links.
        """
        found: Declaration = {"required": {}, "optional": {}}
        declare_live(found, self.inputs, live)
        return self._groups(found)

    def nested(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the arguments of a call with the parts of dynamic inputs as one value each."""
        return nest(self.inputs, arguments)

    def match_types(self) -> list[str | None] | None:
        """Returns the template of each output, or None where no output has one."""
        found = [each.template.template_id if isinstance(each, MatchType.Output) else None for each in self.outputs]
        return found if any(found) else None

    def price_badge_info(self) -> dict[str, Any] | None:
        """Returns the price badge as clients read it."""
        return None if self.price_badge is None else asdict(self.price_badge)

    def _groups(self, groups: Declaration) -> dict[str, Any]:
        hidden = {name: (str(kind),) for name, kind in self.hidden_names.items()}
        optional = {"optional": groups["optional"]} if groups["optional"] else {}
        return {"required": groups["required"], **optional, **({"hidden": hidden} if hidden else {})}


def names_of(outputs: Iterable[Output]) -> tuple[str, ...]:
    """Returns the labels of outputs: their display names, or else their types."""
    return tuple(each.display_name or each.get_io_type() for each in outputs)
