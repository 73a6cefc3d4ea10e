"""What a detector looks at: feature maps, class activation maps, effective receptive fields, hits and misses."""
