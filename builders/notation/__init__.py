"""Named box formats: how other model families write boxes, as data, and the translation to and from SARChat's text."""
