"""The pages, a module each; `awe.services.app` finds them here."""
