//! The buffer handle: what its fds and ints say, encoded and decoded.
