"""The network in memory and through real sockets, with a switch to cut it."""
