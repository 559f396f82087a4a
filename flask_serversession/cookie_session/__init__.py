"""Sessions kept in the browser's cookies, as npm's cookie-session keeps them."""
