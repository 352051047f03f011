"""The first walk through awe: simulate an observing run, ask for a coadd and its sources, compare them with the truth."""
