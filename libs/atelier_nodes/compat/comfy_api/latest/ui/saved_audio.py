"""Sounds of V3 nodes as files."""

import json
from dataclasses import replace
from functools import partial
from typing import Any

from atelier_media.sound_file import SoundFormat, write_sound
from atelier_nodes.builtin.saved_pictures import entry, write_next
from atelier_nodes.packs.folders import node_folders, save_place
from comfy_api.latest.io.widgets import FolderType
from comfy_api.latest.ui.node_files import folder_of, metadata_of
from comfy_api.latest.ui.outputs import SavedAudios, SavedResult

_BEST_BIT_RATE = 320_000


class AudioSaveHelper:
    """Saves sounds. `cls` is the class of the node, whose hidden inputs the files carry."""

    @staticmethod
    def save_audio(
        audio: Any,
        filename_prefix: str,
        folder_type: FolderType,
        cls: Any = None,
        format: SoundFormat = "flac",  # noqa: A002
        quality: str = "128k",
    ) -> list[SavedResult]:
        """Saves each sound of a batch, and returns the files.

        Args:
            audio: AUDIO: `waveform` (n, channels, samples) and `sample_rate`.
            filename_prefix: With sub-folders.
            folder_type: Where to.
            cls: The class of the node.
            format: `flac`, `mp3` or `opus`.
            quality: `64k` to `320k`, or `V0` for the best of MP3.

        Raises:
            SoundWriteError: It cannot be encoded.
        """
        folder = folder_of(folder_type)
        place = save_place(filename_prefix, node_folders().of(folder))
        rate_hz, bit_rate, texts = int(audio["sample_rate"]), _bit_rate(quality), _metadata_texts(cls)
        results = []
        for number, waveform in enumerate(audio["waveform"].detach().cpu().float()):
            write = partial(
                write_sound,
                samples=waveform.numpy(),
                rate_hz=rate_hz,
                format=format,
                bit_rate=bit_rate,
                metadata=texts,
            )
            path = write_next(place, format, write, stem=place.name.replace("%batch_num%", str(number)))
            results.append(SavedResult(**entry(path, place, folder)))
            place = replace(place, counter=place.counter + 1)
        return results

    @staticmethod
    def get_save_audio_ui(
        audio: Any,
        filename_prefix: str,
        cls: Any = None,
        format: SoundFormat = "flac",  # noqa: A002
        quality: str = "128k",
    ) -> SavedAudios:
        """Saves sounds in the output folder, and returns what to show."""
        return SavedAudios(AudioSaveHelper.save_audio(audio, filename_prefix, FolderType.output, cls, format, quality))


def _bit_rate(quality: str) -> int:
    number = quality.removesuffix("k")
    return int(number) * 1000 if number.isdecimal() else _BEST_BIT_RATE


def _metadata_texts(node: Any) -> dict[str, str]:
    prompt, extra = metadata_of(node)
    values = {**({} if prompt is None else {"prompt": prompt}), **(extra or {})}
    return {keyword: json.dumps(value) for keyword, value in values.items()}
