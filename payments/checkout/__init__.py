"""The customer's pages: the checkout form's door, the checkout page and the status page (requirements F1, F2, A8)."""
