"""Power cuts at every flash operation of the important flows, with all states they can leave."""
