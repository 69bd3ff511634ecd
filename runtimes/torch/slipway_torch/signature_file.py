"""The name of the file that states a model's signature, in both kinds of archive."""

SIGNATURE_FILE = "slipway.json"
