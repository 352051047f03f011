"""The web face of an instance: pages, and the same as an HTTP API; see ``docs/howto/web.md`` for how to add a page."""
