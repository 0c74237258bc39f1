"""The demo shop's inbox: a program of the shop's own that gets its events, checks their signatures and shows them."""
