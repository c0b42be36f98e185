"""Do the synthetic materials cover the real ones?  Distributions, neighbours, outlier scores."""
