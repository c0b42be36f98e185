"""Which synthetic materials are looked at."""

import numpy as np


def choose(names: list[str], count: int, generator: np.random.Generator) -> list[str]:
    """At most `count` names, each as likely as any other, in their order."""
    if len(names) <= count:
        return list(names)
    return [names[i] for i in np.sort(generator.choice(len(names), count, replace=False))]
