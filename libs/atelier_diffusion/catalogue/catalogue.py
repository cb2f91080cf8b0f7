"""The catalogue: the models of one kind that requests can name. Its files are read in `catalogue_file`."""

from dataclasses import replace

from atelier_diffusion.policy.errors import CatalogueError, EngineError
from atelier_diffusion.policy.model_card import ModelCard


class Catalogue:
    """The cards of one kind of models, by id; one of them is the default."""

    def __init__(self, cards: list[ModelCard], default_id: str) -> None:
        """Makes a catalogue.

        Raises:
            CatalogueError: `default_id` is not the id of one of the cards.
        """
        self._cards = {card.id: replace(card, is_default=card.id == default_id) for card in cards}
        if default_id not in self._cards:
            raise CatalogueError(f"the default model {default_id!r} is not in the catalogue")
        self._default_id = default_id

    @property
    def default(self) -> ModelCard:
        """The model of requests that name none."""
        return self._cards[self._default_id]

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        """All cards: the default first, then by id."""
        return tuple(sorted(self._cards.values(), key=lambda card: (not card.is_default, card.id)))

    def get(self, model_id: str) -> ModelCard:
        """The card of a model; an empty id means the default.

        Raises:
            EngineError: UNKNOWN_MODEL.
        """
        card = self._cards.get(model_id or self._default_id)
        if card is None:
            raise EngineError("UNKNOWN_MODEL", f"no model {model_id!r} in the catalogue")
        return card
