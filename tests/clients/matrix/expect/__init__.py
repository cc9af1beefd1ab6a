"""What must have arrived at the vendor, and what must have come back. Each check tells what is wrong, or nothing."""
