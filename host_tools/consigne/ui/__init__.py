"""One look for every page: colours, components, fonts."""
