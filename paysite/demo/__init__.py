"""The demo shop, which pays like any other shop would, and the data of a fresh demo installation."""
