from tests.payments.conftest import api_key, shop

__all__ = ["api_key", "shop"]
