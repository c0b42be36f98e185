"""What a family of synthetic materials is worth: the linear codec with and without it."""
