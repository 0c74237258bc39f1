"""Where gateways' events come in (requirement E1): believed only when signed, stored before they are acknowledged."""
