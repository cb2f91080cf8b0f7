"""What learns in a training run, whatever it learns: the weights, their optimizer, and their moving average (EMA)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

WARM_UP_STEPS = 100


class Learner:
    """AdamW over the weights of `nets`, gradients clipped to a norm of 1; the EMA is what gets saved."""

    def __init__(self, nets: nn.Module, learning_rate: float, ema_decay: float) -> None:
        self.steps = 0
        self._nets = nets.train()
        self._learning_rate = learning_rate
        self._ema_decay = ema_decay
        self._weights = list(nets.parameters())
        self._ema = [weight.detach().clone() for weight in self._weights]
        self._optimizer = torch.optim.AdamW(
            self._weights, lr=learning_rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True
        )

    def learn(self, loss: Tensor, *, progress: float, hold: float) -> None:
        """One step down `loss`. The rate warms up, holds for a share `hold` of the run and then falls in a line to 1 %;
        `progress` is the share of the run that is done, 0 to 1."""
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._weights, 1.0)
        warm_up = min(1.0, (self.steps + 1) / WARM_UP_STEPS)
        fall = 1.0 if progress < hold else max(0.01, (1 - progress) / (1 - hold))
        for group in self._optimizer.param_groups:
            group["lr"] = self._learning_rate * warm_up * fall
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self.steps += 1
        decay = min(self._ema_decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self._ema, [weight.detach() for weight in self._weights], 1 - decay)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Lends the networks the averaged weights for a moment."""
        trained = [weight.detach().clone() for weight in self._weights]
        with torch.no_grad():
            torch._foreach_copy_(list[Tensor](self._weights), self._ema)
            yield
            torch._foreach_copy_(list[Tensor](self._weights), trained)

    def state(self) -> dict[str, Any]:
        """Everything that `restore` needs."""
        return {
            "weights": self._nets.state_dict(),
            "ema": self._ema,
            "optimizer": self._optimizer.state_dict(),
            "steps": self.steps,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from what `state` answered."""
        self._nets.load_state_dict(state["weights"])
        self._optimizer.load_state_dict(state["optimizer"])
        for average, saved in zip(self._ema, state["ema"], strict=True):
            average.copy_(saved)
        self.steps = state["steps"]
