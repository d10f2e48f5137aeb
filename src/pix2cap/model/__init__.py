"""The X-Decoder-style baseline in plain torch: one file a part, published names for every tensor."""
