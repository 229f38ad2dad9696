"""Power cut at every flash operation of the flows that matter, with everything that can be left behind."""
