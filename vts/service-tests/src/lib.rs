//! The service's answers to good and bad requests, over binder and over the socket.
