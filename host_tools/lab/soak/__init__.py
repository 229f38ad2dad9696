"""Long simulations that replay by their seed; ``__main__`` names the parts, other modules serve them."""
