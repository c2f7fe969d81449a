"""How dates are written where Django writes them by itself: as on our own pages, and as logs tell them."""
