"""Dependencies among nodes: visited without recursion, so that a chain may have any length."""

from collections.abc import Callable, Iterable, Iterator


def post_order(
    roots: Iterable[str],
    upstream_of: Callable[[str], Iterable[str]],
    on_cycle: Callable[[list[str], int], None],
) -> Iterator[str]:
    """Yields each node once, after those that it depends on, in linear time.

    Args:
        roots: Where to begin.
        upstream_of: The nodes that a node depends on directly. Called once for each node, when it is reached first.
        on_cycle: Called for each link that closes a cycle, with the path from a root to the node that has the link, and
            the index in that path of the node that it leads to. The path changes after the call.
    """
    done: set[str] = set()
    path: list[str] = []
    remaining: list[Iterator[str]] = []
    place: dict[str, int] = {}
    for root in roots:
        following: str | None = root if root not in done else None
        while path or following is not None:
            if following is not None:
                place[following] = len(path)
                path.append(following)
                remaining.append(iter(upstream_of(following)))
            following = next(remaining[-1], None)
            if following is None:
                node = path.pop()
                remaining.pop()
                del place[node]
                done.add(node)
                yield node
            elif following in place:
                on_cycle(path, place[following])
                following = None
            elif following in done:
                following = None
