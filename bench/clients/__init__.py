"""The loads: requests as bytes, and the programs that send them."""
