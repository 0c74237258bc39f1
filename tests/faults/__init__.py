"""The fault catalogue, row by row, through the whole product."""
