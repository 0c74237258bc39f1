"""The truncation sweep: a gateway's reply cut at every byte, connections reset at every stage, replies that drip."""
