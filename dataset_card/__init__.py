"""What the cards say, as data: descriptions, citation, published results, templates of the two cards."""
