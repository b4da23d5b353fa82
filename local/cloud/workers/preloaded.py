"""Imported last by the process that is forked: what it holds then is shared by all forks."""

import gc

gc.freeze()
