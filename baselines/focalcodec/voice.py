"""Voice conversion by nearest neighbours: each frame becomes the mean of the most similar frames of another speaker.

The protocol of the FocalCodec papers (arXiv 2502.04465, section 4; after kNN-VC, arXiv 2305.18975): features before the
decoder are matched by cosine similarity against features of reference speech.
"""

import torch
from torch import Tensor
from torch.nn import functional

AT_ONCE = 4096  # frames compared at a time


def nearest(features: Tensor, matching_set: Tensor, neighbours: int = 4) -> Tensor:
    """Replace each of `features` [B, N, dim] by the mean of its `neighbours` nearest in `matching_set` [M, dim].

    Raises:
        ValueError: when the matching set holds fewer frames than neighbours are asked.
    """
    if not 1 <= neighbours <= len(matching_set):
        raise ValueError(f"neighbours={neighbours}: the matching set has {len(matching_set)} frames")
    directions = functional.normalize(matching_set, dim=-1)
    found = []
    for part in features.flatten(0, 1).split(AT_ONCE):
        similarity = functional.normalize(part, dim=-1) @ directions.T
        found.append(matching_set[similarity.topk(neighbours).indices].mean(1))
    return torch.cat(found).view_as(features)
