"""verl's data set (tried with 0.9.1), whose images are found relative to this folder, wherever verl runs."""

from pathlib import Path
from typing import Any

from verl.utils.dataset.rl_dataset import RLHFDataset

HERE = Path(__file__).resolve().parent


class SARChatDataset(RLHFDataset):
    """Gives absolute paths of images to the workers, which may run in any folder."""

    # dill, by which `datasets` sends the class to its workers, would take those of torch's generic data set.
    __orig_bases__ = (RLHFDataset,)

    def _build_messages(self, example: dict[str, Any], key: str) -> list[dict[str, Any]]:
        images = [{**image, "image": str(HERE / image["image"])} for image in example[self.image_key]]
        return super()._build_messages({**example, self.image_key: images}, key=key)
