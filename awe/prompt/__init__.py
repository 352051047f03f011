"""The `Awe>` prompt: IPython with all targets, completion from the database, and errors of one line."""
