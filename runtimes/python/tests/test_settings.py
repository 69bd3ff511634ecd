"""The environment that a runtime is started with."""

import unittest
from pathlib import Path

from slipway_runtime.settings import Settings, SettingsError

GOOD = {
    "SLIPWAY_SOCKET": "/run/s", "SLIPWAY_MODEL": "/m", "SLIPWAY_MODEL_NAME": "credit", "SLIPWAY_MODEL_VERSION": "1",
    "SLIPWAY_DEVICE": "cuda:1", "SLIPWAY_THREADS": "2",
}  # fmt: skip


class Environment(unittest.TestCase):
    def test_good(self):
        self.assertEqual(Settings.from_environment(GOOD), Settings(Path("/run/s"), Path("/m"), "credit", "1", "cuda:1", 2))
        least = {k: v for k, v in GOOD.items() if k not in ("SLIPWAY_DEVICE", "SLIPWAY_THREADS")}
        found = Settings.from_environment(least)
        self.assertEqual((found.device, found.threads), ("cpu", 0))

    def test_everything_wrong_is_named_at_once(self):
        with self.assertRaises(SettingsError) as raised:
            Settings.from_environment({**GOOD, "SLIPWAY_DEVICE": "gpu", "SLIPWAY_THREADS": "-1", "SLIPWAY_SOCKET": ""})
        for words in ("SLIPWAY_SOCKET is missing", "'gpu'", "'-1'"):
            self.assertIn(words, str(raised.exception))


if __name__ == "__main__":
    unittest.main()
