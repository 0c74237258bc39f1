"""What the console's front page shows: work queues, gateways, settle loops, the last hours."""
